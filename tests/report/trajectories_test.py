from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from lec7.report import (
    animations,
    exhibits,
    landscapes,
    markup,
    planes,
    style,
    trajectories,
)

X, Y = np.linspace(-2, 2, 21), np.linspace(-1, 3, 17)
BOWL = landscapes.Landscape(
    x=X, y=Y, losses={"bowl": 0.01 + X[:, None] ** 2 + 5 * Y**2}, x_label="x"
)
AGES = np.arange(13)
SPIRAL = 0.8 ** AGES[:, None] * np.stack([1.5 * np.cos(AGES), 2 * np.cos(AGES)], axis=1)
STRAIGHT = SPIRAL[0] * 0.7 ** AGES[:, None]
AWAY = SPIRAL[0] * (-3.0) ** AGES[:, None]


class Path(NamedTuple):
    points: np.ndarray
    losses: np.ndarray
    state: dict


def shown(**several):
    several = several or {"SGD": STRAIGHT, "Adam": SPIRAL}
    return planes.Plane(landscape=BOWL, paths=several, minima=[(0.0, 0.0)])


def drawn_lines(axes):
    """Return the lines of several points that are drawn on axes."""
    return [line for line in axes.lines if line.get_marker() == "None"]


def still(panels):
    return trajectories.Trajectories("move", panels, caption="")


def move(panels, **looks):
    return animations.Animation("move", still(panels), caption="Two rules.", **looks)


def test_equal_trajectories_have_equal_bytes(tmp_path):
    first, second = (
        move({"a": shown(), "b": shown()}, frames=3).save(tmp_path / folder)
        for folder in "ab"
    )
    for kind in ("png", "svg", "npz", "gif"):
        one, other = getattr(first, kind), getattr(second, kind)
        assert one == tmp_path / "a" / "figures" / f"move.{kind}"
        assert one.read_bytes() == other.read_bytes()


def test_every_path_is_drawn_through_its_points():
    (axes,) = still({"": shown()}).draw().axes
    straight, spiral = drawn_lines(axes)
    np.testing.assert_array_equal(straight.get_xydata(), STRAIGHT)
    np.testing.assert_array_equal(spiral.get_xydata(), SPIRAL)
    assert axes.get_xlim() == (-2, 2)
    assert axes.get_ylim() == (-1, 3)


def test_a_rule_looks_the_same_in_every_panel():
    figure = still(
        {"equal": shown(SGD=SPIRAL, Adam=SPIRAL), "tuned": shown(Adam=STRAIGHT)}
    ).draw()
    left, right = (drawn_lines(axes) for axes in figure.axes)
    assert to_hex(right[0].get_color()) == to_hex(left[1].get_color())
    assert to_hex(left[0].get_color()) != to_hex(left[1].get_color())
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["SGD", "Adam", "start", "minimum"]


def test_no_two_of_twenty_rules_look_alike():
    looks = trajectories.assign_looks(
        {"": shown(**{f"rule {place}": SPIRAL for place in range(20)})}
    )
    assert (
        len({(look.colour, look.marker, look.dashes) for look in looks.values()}) == 20
    )


def test_arrows_point_along_the_path():
    (axes,) = still({"": shown(SGD=STRAIGHT)}).draw().axes
    arrows = [line for line in axes.lines if isinstance(line.get_marker(), tuple)]
    assert len(arrows) >= 2
    across, up = -np.diff(STRAIGHT[1::-1], axis=0)[0] / (4, 4)
    for arrow in arrows:
        angle = np.deg2rad(arrow.get_marker()[2] + 90)
        np.testing.assert_allclose(np.tan(angle), up / across)
        assert np.cos(angle) * across > 0


def test_several_starts_are_drawn_each():
    several = np.stack([STRAIGHT, -STRAIGHT / 4, SPIRAL])
    (axes,) = still({"": shown(SGD=several)}).draw().axes
    assert len(drawn_lines(axes)) == 3
    circles = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert len(circles) == 2


@pytest.mark.parametrize("beyond", [1e3, 1e300, np.inf, np.nan])
def test_a_lost_path_is_cut_where_it_is_lost(beyond):
    points = np.concatenate([STRAIGHT[:3], [[beyond, 0.0], [0.5, 0.5]]])
    (seen,) = planes.in_sight(shown(SGD=points))["SGD"]
    np.testing.assert_array_equal(seen[:3], STRAIGHT[:3])
    assert len(seen) == (4 if np.isfinite(beyond) else 3)
    assert np.all(np.abs(seen) <= 12)
    figure = still({"": shown(SGD=points)}).draw()
    figure.draw_without_rendering()
    assert figure.axes[0].get_xlim() == (-2, 2)


def test_the_first_step_out_of_sight_keeps_its_direction():
    (seen,) = planes.in_sight(shown(SGD=AWAY))["SGD"]
    assert 2 <= len(seen) < len(AWAY)
    step, whole = seen[-1] - seen[-2], AWAY[len(seen) - 1] - AWAY[len(seen) - 2]
    np.testing.assert_allclose(step[0] * whole[1], step[1] * whole[0])
    assert step @ whole > 0


def test_only_paths_that_end_on_the_plane_have_a_mark_at_their_end():
    (axes,) = still({"": shown(SGD=AWAY, Adam=SPIRAL)}).draw().axes
    looks = trajectories.assign_looks({"": shown(SGD=AWAY, Adam=SPIRAL)})
    sizes = [line.get_markersize() for line in axes.lines]
    assert looks["SGD"].size not in sizes
    assert looks["Adam"].size in sizes


def test_numbers_of_trajectories_come_back(tmp_path):
    path = Path(SPIRAL, SPIRAL[:, 0] ** 2, {"velocity": 2 * SPIRAL})
    saved = still({"tuned": shown(Adam=path)}).save(tmp_path)
    with np.load(saved.npz) as stored:
        np.testing.assert_array_equal(stored["tuned, Adam"], SPIRAL)
        np.testing.assert_array_equal(stored["tuned, Adam, losses"], path.losses)
        np.testing.assert_array_equal(stored["tuned, Adam, velocity"], 2 * SPIRAL)
        np.testing.assert_array_equal(stored["tuned, loss"], BOWL.losses["bowl"])
        np.testing.assert_array_equal(stored["tuned, minima"], [[0, 0]])


@pytest.mark.parametrize(
    ("several", "message"),
    [
        ({"SGD": SPIRAL.T}, r"'SGD' has shape \(2, 13\); expected \[T \+ 1, 2\]"),
        ({"SGD": SPIRAL[:1]}, r"shape \(1, 2\).*at least one step"),
        ({"SGD": SPIRAL + 9}, r"'SGD' starts at \(10.5, 11.0\), off the plane from"),
        ({"SGD": np.nan * SPIRAL}, r"starts at \(nan, nan\)"),
        ({}, "no path on the surface 'bowl'"),
    ],
)
def test_what_is_no_path_on_the_plane_is_refused(several, message):
    with pytest.raises(ValueError, match=message):
        planes.Plane(landscape=BOWL, paths=several)


def test_a_landscape_of_several_surfaces_is_refused():
    two = landscapes.Landscape(
        x=X, y=Y, losses=dict.fromkeys("ab", BOWL.losses["bowl"])
    )
    with pytest.raises(ValueError, match=r"surfaces \['a', 'b'\]; expected one"):
        planes.Plane(landscape=two, paths={"SGD": SPIRAL})
    with pytest.raises(ValueError, match=r"minima have shape \(2,\)"):
        planes.Plane(landscape=BOWL, paths={"SGD": SPIRAL}, minima=(0.0, 0.0))


@pytest.mark.parametrize(("last", "frames"), [(1, 2), (12, 80), (80, 80), (5000, 100)])
def test_chosen_steps_ascend_from_the_first_to_the_last(last, frames):
    steps = animations.choose_steps(last, frames)
    assert steps[0] == 0
    assert steps[-1] == last
    assert len(steps) <= frames
    assert np.all(np.diff(steps) > 0)
    assert np.all(np.diff(np.diff(steps)) >= -1)


@pytest.fixture(scope="module")
def animation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return move({"a": shown(SGD=AWAY, Adam=SPIRAL)}).save(folder)


def test_an_animation_has_a_picture_a_step_and_runs_for_ever(animation):
    assert animation.gif.stat().st_size < 2e6
    with Image.open(animation.gif) as moving:
        assert moving.n_frames == len(SPIRAL)
        assert moving.info["loop"] == 0
        durations = []
        for frame in range(moving.n_frames):
            moving.seek(frame)
            durations.append(moving.info["duration"])
    assert len(set(durations[1:-1])) == 1
    assert durations[0] > durations[1] < durations[-1]


def test_every_picture_of_an_animation_adds_to_the_one_before(animation):
    with Image.open(animation.gif) as moving:
        pictures = []
        for frame in range(moving.n_frames):
            moving.seek(frame)
            pictures.append(np.asarray(moving.convert("RGB"), dtype=int))
    for before, after in zip(pictures[:-1], pictures[1:], strict=True):
        assert np.any(before != after)
    colour = trajectories.assign_looks({"": shown(SGD=AWAY, Adam=SPIRAL)})[
        "Adam"
    ].colour
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    shares = [np.mean(np.abs(p - wanted).max(axis=-1) < 12) for p in pictures]
    assert shares[0] < shares[6] < shares[-1]


def test_an_animation_keeps_the_colours_of_its_rules_and_of_the_paper(animation):
    with Image.open(animation.gif) as moving:
        moving.seek(moving.n_frames - 1)
        picture = moving.convert("RGB")
    assert picture.getpixel((1, 1)) == (255, 255, 255)
    shown_colours = {colour for _, colour in picture.getcolors(2**24)}
    for colour in (style.RULES["SGD"], style.RULES["Adam"]):
        rgb = tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
        assert rgb in shown_colours


@pytest.mark.parametrize("frames", [0, 1, 101])
def test_an_animation_of_too_few_or_too_many_pictures_is_refused(tmp_path, frames):
    with pytest.raises(ValueError, match=f"frames = {frames}; expected 2 to 100"):
        move({"": shown()}, frames=frames).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_page_shows_an_animation_with_a_still_for_who_wants_no_motion(animation):
    element = exhibits.render_figure(animation, 3)
    assert element.get("class") == "moving"
    still, moving = element.findall("img")
    assert still.get("src").startswith("data:image/svg+xml;base64,")
    assert moving.get("src").startswith("data:image/gif;base64,")
    assert "Figure 3." in markup.serialise(element)
