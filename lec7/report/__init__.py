"""Claims, figures, tables, progress and the page: everything a reader meets."""

from lec7.report.animations import Animation, save_animation
from lec7.report.basins import Basins, draw_basins
from lec7.report.claims import (
    Claim,
    differences,
    family,
    read_claims,
    write_claims,
)
from lec7.report.comparisons import Paired, draw_paired
from lec7.report.curves import Curves, Interpolation, draw_curves, draw_interpolation
from lec7.report.figures import Drawing, Figure, save_figure
from lec7.report.forests import Forest, draw_forest
from lec7.report.formats import (
    format_duration,
    format_interval,
    format_number,
    format_spread,
)
from lec7.report.intervals import geometric_interval, mean_interval, shares
from lec7.report.landscapes import Contours, Landscape, draw_contours, draw_relief
from lec7.report.page import Provenance, Report, Section, write_report
from lec7.report.planes import Plane
from lec7.report.progress import Progress
from lec7.report.replays import Replay, save_replay
from lec7.report.scatters import Scatter
from lec7.report.significance import holm, paired_p_value
from lec7.report.surfaces import Surface, save_surface
from lec7.report.tables import Table
from lec7.report.trajectories import (
    Trajectories,
    draw_trajectories,
    save_trajectories,
)
from lec7.report.vocabulary import Claims, effects

__all__ = [
    "Animation",
    "Basins",
    "Claim",
    "Claims",
    "Contours",
    "Curves",
    "Drawing",
    "Figure",
    "Forest",
    "Interpolation",
    "Landscape",
    "Paired",
    "Plane",
    "Progress",
    "Provenance",
    "Replay",
    "Report",
    "Scatter",
    "Section",
    "Surface",
    "Table",
    "Trajectories",
    "differences",
    "draw_basins",
    "draw_contours",
    "draw_curves",
    "draw_forest",
    "draw_interpolation",
    "draw_paired",
    "draw_relief",
    "draw_trajectories",
    "effects",
    "family",
    "format_duration",
    "format_interval",
    "format_number",
    "format_spread",
    "geometric_interval",
    "holm",
    "mean_interval",
    "paired_p_value",
    "read_claims",
    "save_animation",
    "save_figure",
    "save_replay",
    "save_surface",
    "save_trajectories",
    "shares",
    "write_claims",
    "write_report",
]
