"""Claims, figures, tables, progress and the page: everything a reader meets."""

from lec7.report.animations import Animation
from lec7.report.basins import Basins
from lec7.report.claims import (
    Claim,
    differences,
    family,
    read_claims,
    untested,
    write_claims,
)
from lec7.report.comparisons import Paired
from lec7.report.curves import Curves, Interpolation
from lec7.report.figures import Drawing, Figure
from lec7.report.forests import Forest
from lec7.report.formats import (
    format_duration,
    format_interval,
    format_number,
    format_spread,
)
from lec7.report.gallery import write_gallery
from lec7.report.headlines import by_verdict, effects, group_by_verdict, listing
from lec7.report.intervals import geometric_interval, mean_interval, shares
from lec7.report.landscapes import Contours, Landscape
from lec7.report.loss_plots import plot_landscape, plot_slices
from lec7.report.matrix import Told
from lec7.report.page import Provenance, Report, Section, write_report
from lec7.report.planes import Plane
from lec7.report.playgrounds import Playground
from lec7.report.plots import Plot, plot_card
from lec7.report.progress import Progress
from lec7.report.replays import Replay
from lec7.report.scatters import Scatter
from lec7.report.spectrum_plots import plot_density, plot_eigenvalues
from lec7.report.surfaces import Surface
from lec7.report.tables import Table
from lec7.report.trajectories import Trajectories
from lec7.report.vocabulary import Claims

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
    "Plot",
    "Playground",
    "Progress",
    "Provenance",
    "Replay",
    "Report",
    "Scatter",
    "Section",
    "Surface",
    "Table",
    "Told",
    "Trajectories",
    "by_verdict",
    "differences",
    "effects",
    "family",
    "format_duration",
    "format_interval",
    "format_number",
    "format_spread",
    "geometric_interval",
    "group_by_verdict",
    "listing",
    "mean_interval",
    "plot_card",
    "plot_density",
    "plot_eigenvalues",
    "plot_landscape",
    "plot_slices",
    "read_claims",
    "shares",
    "untested",
    "write_claims",
    "write_gallery",
    "write_report",
]
