import json

import numpy as np
import pytest

from lec7.report import landscapes, surfaces

X, Y = np.linspace(-1, 1, 5), np.linspace(-2, 2, 7)
BOWL = 0.01 + X[:, None] ** 2 + 10 * Y**2
PATHS = {"bowl": ([1, 0.5, 0, 3, 0], [-2, 0, 0.1, 0, 0], [40, 0.3, 0.1, 1, 1])}


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


def scene(**losses):
    text = surfaces.compose_scenes(landscape(**losses), PATHS)
    return json.loads(text, parse_constant=pytest.fail)


def test_a_scene_holds_every_loss_as_a_share_of_the_range():
    loss = BOWL.astype(np.float32)
    loss[0, 1] = np.nan
    shown = scene(bowl=loss)
    (surface,) = shown["surfaces"]
    assert (shown["x"], shown["y"]) == (X.tolist(), np.round(Y, 4).tolist())
    heights = np.array(surface["heights"], dtype=float)
    assert np.argwhere(np.isnan(heights)).tolist() == [[0, 1]]
    low, high = shown["range"]
    np.testing.assert_allclose(10 ** (low + heights * (high - low)), loss, rtol=2e-3)
    assert shown["levels"][0] == 0
    assert shown["levels"][-1] == 1
    assert [text for _, text in shown["marks"]] == ["0.01", "0.1", "1", "10"]


def test_surfaces_of_a_scene_share_one_scale():
    shown = scene(bowl=BOWL, steep=100 * BOWL)
    bowl, steep = (np.array(each["heights"]) for each in shown["surfaces"])
    low, high = shown["range"]
    np.testing.assert_allclose((steep - bowl) * (high - low), 2, atol=2e-3)


def test_a_path_lies_at_its_losses_until_it_leaves_the_plane():
    x, y, loss = PATHS["bowl"]
    shown = scene(bowl=BOWL)
    path = np.array(shown["surfaces"][0]["path"])
    np.testing.assert_allclose(path[:, :2], np.transpose([x, y])[:3], atol=1e-4)
    low, high = shown["range"]
    heights = low + path[:, 2] * (high - low)
    np.testing.assert_allclose(heights, np.log10(loss[:3]), atol=1e-3)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ({"bawl": (X, X, X)}, "a path on 'bawl'; expected one of the surfaces 'bowl'"),
        (
            {"bowl": (X, X, X[1:])},
            r"'bowl' has rows of shapes \[\(5,\), \(5,\), \(4,\)",
        ),
        ({"bowl": (X, X)}, r"'bowl' has rows of shapes"),
        ({"bowl": (X + 9, X, X)}, "'bowl' does not start on its plane"),
    ],
)
def test_a_path_that_lies_on_no_surface_is_refused(paths, message):
    with pytest.raises(ValueError, match=message):
        surfaces.Surface("relief", landscape(), caption="", paths=paths)


def test_saved_surface_keeps_the_losses(tmp_path):
    surface = surfaces.Surface("relief", landscape(), caption="", paths=PATHS)
    with np.load(surface.save(tmp_path).npz) as stored:
        np.testing.assert_array_equal(stored["path on bowl, loss"], PATHS["bowl"][2])
        np.testing.assert_array_equal(stored["loss, bowl"], BOWL)
        np.testing.assert_array_equal(stored["x"], X)
