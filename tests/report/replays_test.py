import base64
import json
import re
import shutil
import subprocess
from typing import NamedTuple

import numpy as np
import pytest

from lec7.report import (
    landscapes,
    markup,
    page,
    planes,
    players,
    replays,
    trajectories,
)

X, Y = np.linspace(-2, 2, 31), np.linspace(-1, 3, 25)
AGES = np.arange(21)
POINTS = 0.8 ** AGES[:, None] * np.stack([1.5 * np.cos(AGES), 2 * np.cos(AGES)], axis=1)
AWAY = POINTS[0] * (-3.0) ** AGES[:, None]
NASTY = '</script><script>alert(1)</script> "Adam" <!-- \U0001f600'
PROVENANCE = page.Provenance(
    question="", command="x", config=[], environment={}, seconds={}
)
STYLESHEET = markup.asset("page.css")
PLAYER = "".join(map(markup.asset, ("canvas.js", "transport.js", "player.js")))


class Path(NamedTuple):
    points: np.ndarray
    losses: np.ndarray
    state: dict


def path(points=POINTS, **state):
    return Path(points, np.sum(points**2, axis=-1), state)


def velocity(points, sign):
    return sign * np.diff(points, axis=0, prepend=points[:1])


def surface(**several):
    """Return rules on a bowl, whose height is 0.01 + x^2 + 5 y^2."""
    bowl = 0.01 + X[:, None] ** 2 + 5 * Y**2
    return planes.Plane(
        landscape=landscapes.Landscape(x=X, y=Y, losses={"": bowl}, x_label="x"),
        paths=several or {NASTY: path()},
        minima=[(0.0, 0.0)],
    )


def replayed(panels):
    still = trajectories.Trajectories("replay", panels, caption="")
    return replays.Replay("replay", still, caption="Rules.")


def scenes(**panels):
    return json.loads(replays.compose_scenes(panels), parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def replay(folder):
    adam = path(velocity=velocity(POINTS, -3.0), average=POINTS / 2)
    panels = {"bowl": surface(SGD=path(AWAY), Adam=adam), NASTY: surface()}
    return replayed(panels).save(folder)


@pytest.fixture(scope="module")
def text(folder, replay):
    report = page.Report(
        title="Which way?",
        summary="",
        claims=[],
        sections=[page.Section("Replay", replay)],
    )
    return page.render_page(report, PROVENANCE, [replay])


def test_a_scene_holds_every_step_of_every_rule():
    first, second = path(second_moment=POINTS**2), path(POINTS / 2)
    (scene,) = scenes(bowl=surface(Adam=first, SGD=second))
    assert (scene["title"], scene["last"], scene["every"]) == ("bowl", 20, 1)
    assert [rule["name"] for rule in scene["rules"]] == ["Adam", "SGD"]
    for rule, truth in zip(scene["rules"], (first, second), strict=True):
        shown = np.stack([rule["x"], rule["y"]], axis=1)
        np.testing.assert_allclose(shown, truth.points, rtol=1e-3)
        np.testing.assert_allclose(rule["losses"], truth.losses, rtol=1e-3)
        steps = np.linalg.norm(np.diff(truth.points, axis=0), axis=1)
        np.testing.assert_allclose(rule["steps"], [0, *steps], rtol=1e-3)
        assert rule["lost"] is None
    (part,) = scene["rules"][0]["state"]
    assert (part["name"], part["kind"]) == ("second_moment", "size")
    np.testing.assert_allclose(part["y"], POINTS[:, 1] ** 2, rtol=1e-3)
    assert scene["rules"][1]["state"] == []


def test_contours_and_shading_are_those_of_the_surface():
    ramp = landscapes.Landscape(
        x=X, y=Y, losses={"": np.exp(X[:, None] + 2 * Y)}, y_label="y"
    )
    sloping = planes.Plane(landscape=ramp, paths={"SGD": path()})
    scene, ramp = scenes(bowl=surface(), ramp=sloping)
    assert len(ramp["contours"]) > 4
    for x, y in ramp["contours"]:
        assert np.ptp(np.add(x, np.multiply(2, y))) < 0.01
    shading = np.frombuffer(base64.b64decode(scene["shading"]), dtype=np.uint8)
    shading = shading.reshape(scene["side"], scene["side"])
    assert shading[0].mean() > shading[-1].mean()  # the top row has y = 3
    lowest = shading.argmin() // scene["side"]
    assert lowest == pytest.approx(0.75 * scene["side"], abs=2)
    assert (scene["low"], scene["high"]) == ([-2, -1], [2, 3])
    assert scene["minima"] == [[0, 0]]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_arrow_points_to_where_it_drives(sign):
    rule = path(velocity=velocity(POINTS, 7 * sign))
    (part,) = scenes(bowl=surface(momentum=rule))[0]["rules"][0]["state"]
    assert (part["kind"], part["sign"]) == ("arrow", sign)


def test_kinds_of_state_are_what_the_caller_says():
    panels = {"bowl": surface(SGD=path(velocity=POINTS, gradient=POINTS, mean=POINTS))}
    text = replays.compose_scenes(panels, arrows=["gradient"], points=["mean"])
    parts = json.loads(text)[0]["rules"][0]["state"]
    assert [part["kind"] for part in parts] == ["size", "arrow", "point"]


def test_what_is_lost_is_cut_and_what_is_not_finite_is_null():
    away = path(AWAY, velocity=np.where(AGES[:, None] == 1, np.nan, AWAY))
    rule = scenes(bowl=surface(SGD=away, Adam=path()))[0]["rules"][0]
    count = rule["lost"] + 1
    assert 2 <= count < len(AGES)
    assert {len(rule[key]) for key in ("x", "y", "losses", "steps")} == {count}
    (part,) = rule["state"]
    assert len(part["x"]) == count
    assert part["x"][1] is None
    assert part["x"][0] == pytest.approx(AWAY[0, 0])


def test_of_several_starts_the_first_is_replayed():
    several = Path(
        np.stack([POINTS, -POINTS / 4]),
        np.stack([AGES, 2 * AGES]),
        {"velocity": np.stack([POINTS, AWAY])},
    )
    rule = scenes(bowl=surface(SGD=several))[0]["rules"][0]
    assert rule["losses"] == AGES.tolist()
    np.testing.assert_allclose(rule["x"], POINTS[:, 0], rtol=1e-3)
    np.testing.assert_allclose(rule["state"][0]["x"], POINTS[:, 0], rtol=1e-3)


@pytest.mark.parametrize(("last", "every"), [(400, 1), (401, 2), (5000, 13)])
def test_of_many_steps_some_are_left_out(last, every):
    ages = np.linspace(0, 1, last + 1)[:, None]
    (scene,) = scenes(bowl=surface(SGD=path(POINTS[0] * (1 - ages))))
    assert (scene["last"], scene["every"]) == (last, every)
    (rule,) = scene["rules"]
    assert len(rule["x"]) == last // every + 1 <= 401
    assert rule["x"][1] == pytest.approx(POINTS[0, 0] * (1 - every / last), rel=1e-3)


def test_scenes_are_small():
    panels = {"bowl": surface(SGD=path(second=POINTS**2), Adam=path(first=POINTS))}
    assert len(replays.compose_scenes(panels)) < 30_000


def test_equal_trajectories_have_equal_scenes(replay, folder):
    adam = path(velocity=velocity(POINTS, -3.0), average=POINTS / 2)
    panels = {"bowl": surface(SGD=path(AWAY), Adam=adam), NASTY: surface()}
    assert replays.compose_scenes(panels) == replay.scenes


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (POINTS, "'SGD' has no losses, which a replay shows"),
        (Path(POINTS, AGES[1:], {}), r"'losses' of 'SGD' has shape \(20,\)"),
        (path(velocity=AGES), r"'velocity' of 'SGD' has shape \(21,\)"),
        (path(velocity=POINTS[1:]), r"'velocity' of 'SGD' has shape \(20, 2\)"),
    ],
)
def test_a_path_that_cannot_be_replayed_is_refused(tmp_path, rule, message):
    with pytest.raises(ValueError, match=message):
        replayed({"": surface(SGD=rule)}).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_javascript_a_page_shows_the_still_picture(text, replay):
    picture = base64.b64encode(replay.png.read_bytes()).decode()
    assert f'<img src="data:image/png;base64,{picture}" alt="Rules.">' in text
    assert "\n.stages, .player, .hint { display: none; }" in STYLESHEET
    assert '<figure id="figure-replay" class="replay">' in text


def test_a_replay_is_strict_data_in_a_page_that_it_cannot_leave(text, replay):
    kinds = re.findall(r'<script type="(.*?)">', text)
    assert kinds == ["application/json", "module"]
    assert text.count("</script>") == 2
    (data,) = re.findall(r'application/json">(.*?)</script>', text)
    assert json.loads(data) == json.loads(replay.scenes)
    assert json.loads(data)[1]["rules"][0]["name"] == NASTY


def test_the_players_load_nothing(text):
    code = "".join(
        markup.serialise(script) for script in players.scripts(players.PLAYERS)
    )
    code = code.removesuffix("</script>")
    assert not re.search(r"https?:|import|fetch|XMLHttp|innerHTML|eval|url\(", code)
    assert "</script" not in code
    assert "script-src 'unsafe-inline'" in text


def test_less_motion_and_print_have_rules_of_their_own():
    reduced, printed = re.split(r"\n@media (?=print|\(prefers-red)", STYLESHEET)[1:]
    assert "(prefers-reduced-motion: reduce)" in reduced
    assert ".moving > img:last-of-type { display: none; }" in reduced
    assert ".running .player { display: none; }" in printed
    assert "prefers-reduced-motion" in PLAYER


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the player's maths")
def test_the_player_writes_numbers_and_chooses_ticks():
    program = f"""
        globalThis.document = {{querySelectorAll: () => []}};
        {PLAYER}
        console.log(JSON.stringify([
          [null, 0, 1 / 3, -42, 1e-7, -2.5e12].map(format),
          ticks([-1.5, 1.5], false), ticks([2e-5, 30], true), ticks([2, 6], true),
          fit({{low: [0, 0], high: [1, 1], rules: [
            {{x: [0, 0, 2, 1], y: [0, 1, 1, 2], losses: [5, 3, -1, -2]}},
          ]}}, "losses", "loss"),
        ]))"""
    result = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        capture_output=True,
        text=True,
        check=True,
    )
    numbers, even, decades, few, chart = json.loads(result.stdout)
    assert numbers == ["–", "0", "0.333", "−42", "10⁻⁷", "−2.5×10¹²"]
    assert even == [-1, 0, 1]
    assert decades == [1e-4, 1e-2, 1]
    assert few == [2, 3, 4, 5, 6]
    assert chart == {"key": "losses", "label": "loss", "log": True, "range": [3, 5]}
