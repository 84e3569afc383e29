import json

import numpy as np
import pytest

from lec7.report import landscapes, surfaces

X, Y = np.linspace(-1, 1, 5), np.linspace(-2, 2, 7)
BOWL = 0.01 + X[:, None] ** 2 + 10 * Y**2


def landscape(**losses):
    return landscapes.Landscape(x=X, y=Y, losses=losses or {"bowl": BOWL})


@pytest.mark.parametrize(
    ("low", "high"), [(1e-9, 1e9), (0.003, 40), (1.2, 6), (2.3001, 2.305), (1.0, 1.0)]
)
def test_levels_enclose_every_loss_and_are_few_enough_to_read(low, high):
    loss = np.full(BOWL.shape, low)
    loss[-1, -1] = high
    levels = landscapes.loss_levels(landscape(a=loss))
    assert np.all(np.diff(levels) > 0)
    assert levels[0] <= low
    assert levels[-1] >= high
    assert 2 <= len(levels) <= 20
    if high > low:
        assert len(levels) >= 5


def test_levels_are_shared_by_all_groups():
    both = landscapes.loss_levels(landscape(a=BOWL, b=1000 * BOWL))
    assert both[0] <= BOWL.min()
    assert both[-1] >= 1000 * BOWL.max()
    figure = landscapes.Contours(
        "above", landscape(a=BOWL, b=1000 * BOWL), caption=""
    ).draw()
    filled = [axes.collections[0].levels for axes in figure.axes[:2]]
    np.testing.assert_array_equal(*filled)
    np.testing.assert_allclose(filled[0], np.log10(both))


def test_contours_lie_where_the_loss_has_their_level():
    loss = np.exp(X[:, None] + 3 * Y)
    figure = landscapes.Contours("above", landscape(ramp=loss), caption="").draw()
    lines = figure.axes[0].collections[1]
    found = 0
    for level, segments in zip(lines.levels, lines.allsegs, strict=True):
        for x, y in (point for points in segments for point in points):
            assert (x + 3 * y) / np.log(10) == pytest.approx(level, abs=1e-9)
            found += 1
    assert found > 20


@pytest.mark.parametrize("value", [landscapes.Contours, surfaces.Surface])
def test_unknown_losses_are_left_blank(value):
    loss = BOWL.copy()
    loss[0, 0], loss[1, 1], loss[2, 2] = np.nan, np.inf, 0.0
    assert np.isnan(landscapes.log_loss(loss)).sum() == 3
    value("blank", landscape(a=loss), caption="").draw().draw_without_rendering()


def test_a_surface_off_the_grid_is_refused():
    with pytest.raises(ValueError, match=r"'a' has shape \(7, 5\); expected \(5, 7\)"):
        landscape(a=BOWL.T)
    with pytest.raises(ValueError, match="'a' holds no positive loss"):
        landscape(a=0 * BOWL)


def test_scenes_hold_the_surface_in_rows_of_equal_y():
    loss = BOWL.astype(np.float32)
    loss[0, 1] = np.nan
    (scene,) = json.loads(
        surfaces.compose_scenes(landscape(**{"<b>bowl": loss})),
        parse_constant=pytest.fail,
    )
    trace = scene["trace"]
    assert (len(trace["z"]), len(trace["z"][0])) == (7, 5)
    assert trace["z"][1][0] is trace["customdata"][1][0] is None
    assert trace["z"][2][4] == pytest.approx(np.log10(BOWL[4, 2]), abs=1e-4)
    assert trace["customdata"][2][4] == pytest.approx(BOWL[4, 2])
    assert scene["title"]["text"] == "&lt;b&gt;bowl"


def test_saved_surface_keeps_the_losses(tmp_path):
    surface = surfaces.Surface("relief", landscape(), caption="A bowl.")
    with np.load(surface.save(tmp_path).npz) as stored:
        np.testing.assert_array_equal(stored["loss, bowl"], BOWL)
        np.testing.assert_array_equal(stored["x"], X)
