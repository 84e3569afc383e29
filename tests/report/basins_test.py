import numpy as np
import pytest
from matplotlib.colors import to_hex

from lec7.report import basins, landscapes, style

X, Y = np.linspace(-2, 2, 21), np.linspace(-1, 3, 17)
BOWL = landscapes.Landscape(
    x=X, y=Y, losses={"bowl": 0.01 + X[:, None] ** 2 + 5 * Y**2}, x_label="x"
)
PLACES = np.where(X[:, None] + 0 * Y < 0, 0, 1)
PLACES[3, 4] = -1
MINIMA = {"A": (-1.0, 0.0), "B": (1.0, 0.0)}


def drawn(places, minima=MINIMA, **looks):
    return basins.Basins("basins", (X, Y), places, minima, caption="", **looks).draw()


def test_a_basin_has_the_colour_of_its_minimum():
    figure = drawn({"SGD": PLACES, "Adam": 1 - PLACES.clip(0)}, landscape=BOWL)
    assert [axes.get_title() for axes in figure.axes] == ["SGD", "Adam"]
    mesh = figure.axes[0].collections[0]
    np.testing.assert_array_equal(mesh.get_array(), PLACES.T)
    colours = {to_hex(mesh.cmap(mesh.norm(place))) for place in (-1, 0, 1)}
    assert len(colours) == 3
    stars = [
        to_hex(line.get_color())
        for line in figure.axes[0].lines
        if line.get_marker() == "*"
    ]
    assert stars == [style.BLUE.lower(), style.VERMILLION.lower()]
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["A", "B", "none of them"]


def test_at_a_minimum_stands_the_share_of_starts_that_reach_it():
    figure = drawn({"SGD": PLACES})
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == [
        f"A\n{np.mean(PLACES == 0):.0%}",
        f"B\n{np.mean(PLACES == 1):.0%}",
    ]


@pytest.mark.parametrize(
    ("places", "count", "message"),
    [
        (PLACES.T, 2, r"'SGD' have shape \(17, 21\); expected \(21, 17\)"),
        (PLACES, 1, "'SGD' hold 1; expected the place of one of 1 minima"),
        (PLACES + 0.5, 2, r"'SGD' hold 0\.5"),
        (PLACES, 7, "7 minima; at most 6 can be told apart"),
    ],
)
def test_basins_that_cannot_be_drawn_are_refused(places, count, message):
    minima = {f"minimum {place}": (0.0, 0.0) for place in range(count)}
    with pytest.raises(ValueError, match=message):
        drawn({"SGD": places}, minima)
