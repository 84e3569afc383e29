"""Pictures of a loss: slices through one point, and paths between two."""

from lec7.landscape.directions import orthogonalise, random_direction
from lec7.landscape.paths import barrier, interpolate, nonnegative_variances
from lec7.landscape.slices import slice_1d, slice_2d

__all__ = [
    "barrier",
    "interpolate",
    "nonnegative_variances",
    "orthogonalise",
    "random_direction",
    "slice_1d",
    "slice_2d",
]
