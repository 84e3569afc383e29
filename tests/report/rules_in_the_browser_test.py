"""The playground's rules are those of the library: node runs them beside JAX."""

import functools
import json
import shutil
import subprocess

import jax
import numpy as np
import pytest

from lec7 import problems, update_rules
from lec7.report import markup, planes, playgrounds, trajectories

RULES = {
    "SGD": update_rules.sgd,
    "momentum": update_rules.momentum,
    "Nesterov": update_rules.nesterov,
    "AdaGrad": update_rules.adagrad,
    "RMSProp": update_rules.rmsprop,
    "Adam": update_rules.adam,
    "almost Adam": functools.partial(
        update_rules.adam, eps=1e-7, bias_correction=False
    ),
}
SHOWN = {problem.name: problem for problem in problems.PROBLEMS}
STEPS, RATE = 50, {"Rosenbrock": 5e-4, "Himmelblau": 5e-3}

needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="node, which runs the rules, is not installed"
)


def run(expression):
    """Return what an expression comes to in the playground's scripts."""
    code = f"{markup.asset('rules.js')}\nconsole.log(JSON.stringify({expression}))"
    result = subprocess.run(
        ["node", "--input-type=module", "-e", code],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def paths():
    starts = json.dumps({name: SHOWN[name].start for name in RATE})
    return run(f"""Object.fromEntries(Object.entries({json.dumps(RATE)}).map(
      ([name, rate]) => [name, Object.fromEntries(Object.entries(RULES).map(
        ([rule, make]) => [rule, descend(SURFACES[name], make({{rate, decay: 0.9}}),
          {starts}[name], {STEPS})]))]))""")


@needs_node
def test_page_and_library_name_the_same_surfaces_and_rules():
    assert run("[Object.keys(SURFACES), Object.keys(RULES)]") == [
        list(playgrounds.SURFACES),
        list(playgrounds.RULES),
    ]
    assert list(playgrounds.SURFACES) == list(SHOWN)
    assert set(playgrounds.RULES) == set(RULES)


@needs_node
@pytest.mark.parametrize("surface", RATE)
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_page_takes_the_path_of_the_library(paths, surface, rule):
    given = SHOWN[surface].from_starts()
    truth = problems.descend(RULES[rule], given, STEPS, rates=RATE[surface])
    found = paths[surface][rule]
    assert np.ptp(truth.points[0], axis=0).max() > 5e-3
    np.testing.assert_allclose(found["points"], truth.points[0], rtol=1e-5)
    np.testing.assert_allclose(found["losses"], truth.losses[0], rtol=1e-5)


@needs_node
def test_losses_and_slopes_of_the_page_are_those_of_the_library(float64):
    points = np.random.default_rng(0).uniform(-2, 2, size=(20, 2))
    found = run(f"""Object.values(SURFACES).map(({{loss, slope}}) =>
      {json.dumps(points.tolist())}.map(([x, y]) => [loss(x, y), ...slope(x, y)]))""")
    for problem, values in zip(problems.PROBLEMS, found, strict=True):
        truth = jax.vmap(jax.value_and_grad(problem.function))(points)
        losses, *slopes = np.transpose(values)
        np.testing.assert_allclose(losses, truth[0], rtol=1e-9)
        np.testing.assert_allclose(np.transpose(slopes), truth[1], rtol=1e-9)


def test_a_surface_that_the_page_does_not_know_is_refused():
    still = trajectories.Trajectories("still", {}, caption="")
    strange = problems.SADDLE._replace(name="cliff")
    with pytest.raises(ValueError, match="no surface 'cliff'; expected one of taco sh"):
        playgrounds.Playground("playground", still, [strange], caption="")


def test_a_playground_names_what_there_is_to_choose():
    scenes = json.loads(playgrounds.compose_scenes(problems.PROBLEMS))
    assert [shown["title"] for shown in scenes["surfaces"]] == list(SHOWN)
    assert [rule["name"] for rule in scenes["rules"]] == list(playgrounds.RULES)
    looks = {(rule["colour"], rule["glyph"]) for rule in scenes["rules"]}
    assert len(looks) == len(RULES)
    assert planes.points_of(scenes["surfaces"][0]["start"]).shape == (2,)
