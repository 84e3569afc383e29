"""Pictures of a loss: slices through one point, and paths between two."""

from lec7.landscape.bezier import BezierPath, bezier_losses, bezier_path
from lec7.landscape.chunks import require_whole
from lec7.landscape.directions import normalise, orthogonalise, random_direction
from lec7.landscape.eigenvectors import HessianDirections, hessian_directions
from lec7.landscape.lines import barrier, interpolate, rise_above_chord
from lec7.landscape.optimiser_state import state_direction
from lec7.landscape.permutations import dense_axes, match_permutations, permute
from lec7.landscape.running_statistics import keep_statistics, nonnegative_variances
from lec7.landscape.slices import slice_1d, slice_2d
from lec7.landscape.trajectory import (
    PrincipalDirections,
    Projection,
    off_plane_losses,
    pca_directions,
    project,
)

__all__ = [
    "BezierPath",
    "HessianDirections",
    "PrincipalDirections",
    "Projection",
    "barrier",
    "bezier_losses",
    "bezier_path",
    "dense_axes",
    "hessian_directions",
    "interpolate",
    "keep_statistics",
    "match_permutations",
    "nonnegative_variances",
    "normalise",
    "off_plane_losses",
    "orthogonalise",
    "pca_directions",
    "permute",
    "project",
    "random_direction",
    "require_whole",
    "rise_above_chord",
    "slice_1d",
    "slice_2d",
    "state_direction",
]
