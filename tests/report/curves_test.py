"""Curves keep the colours of a page, and points are not joined."""

import numpy as np
from matplotlib.colors import to_hex

from lec7.report import Curves, style

X = np.arange(3.0)


def drawn(**given):
    """Return the lines of a figure of two curves."""
    curves = {"SGD": (X, X), "Adam": (X, 2 * X)}
    figure = Curves("some", curves, ("x", "y"), caption="", **given).draw()
    return {line.get_label(): line for line in figure.axes[0].lines}


def test_a_curve_has_the_colour_of_its_place_on_the_page():
    colours = {
        label: to_hex(line.get_color())
        for label, line in drawn(order=("SGD", "momentum", "Adam")).items()
    }
    first, _, third, *_ = map(to_hex, style.PALETTE)
    assert colours == {"SGD": first, "Adam": third}


def test_points_are_not_joined():
    for points, line, marker in ((True, "None", "o"), (False, "-", "None")):
        looks = {
            (of.get_linestyle(), of.get_marker())
            for of in drawn(points=points).values()
        }
        assert looks == {(line, marker)}
