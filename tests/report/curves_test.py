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


def test_a_curve_has_the_colour_of_its_rule_wherever_it_stands():
    for order in ((), ("Adam", "momentum", "SGD")):
        colours = {
            label: to_hex(line.get_color())
            for label, line in drawn(order=order).items()
        }
        assert colours == {"SGD": "#0072b2", "Adam": "#56b4e9"}


def test_groups_that_are_no_rules_share_what_is_left_of_the_palette():
    hues = style.hues(["small batch", "SGD", "large batch", "Adamax"])
    colours = [hue.colour for hue in hues.values()]
    assert colours == [style.VERMILLION, style.BLUE, style.GREEN, style.PURPLE]


def test_two_groups_of_one_rule_differ_in_their_lines():
    curves = {"SGD": (X, X), "SGD, decayed": (X, 2 * X), "almost Adam": (X, 3 * X)}
    figure = Curves("some", curves, ("x", "y"), caption="").draw()
    looks = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
    assert looks == [(style.BLUE, "-"), (style.BLUE, "--"), (style.BLACK, "-")]


def test_points_are_not_joined():
    for points, line, marker in ((True, "None", "o"), (False, "-", "None")):
        looks = {
            (of.get_linestyle(), of.get_marker())
            for of in drawn(points=points).values()
        }
        assert looks == {(line, marker)}
