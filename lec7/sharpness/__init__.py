"""Measures of the sharpness of a minimum."""

from lec7.sharpness.ball import sam_sharpness
from lec7.sharpness.box import keskar
from lec7.sharpness.measure import Measure

__all__ = ["Measure", "keskar", "sam_sharpness"]
