import functools
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import monitoring

from lec7 import sharpness

KEY = jax.random.key(0)
QUICK = {
    "average_case": functools.partial(sharpness.average_case, draws=2),
    "hessian_max": sharpness.hessian_max,
    "fisher_rao": sharpness.fisher_rao,
}


def test_every_measure_has_a_title_of_its_own():
    assert list(sharpness.TITLES) == list(sharpness.MEASURES)
    assert len(set(sharpness.TITLES.values())) == len(sharpness.MEASURES)


def test_a_card_has_every_measure(float64, network):
    rows = sharpness.report_card(*network, key=KEY)
    assert [row.name for row in rows] == list(sharpness.MEASURES)
    for row in rows:
        assert math.isfinite(row.value) and row.cost > 0
        assert row.standard_error >= 0 or math.isnan(row.standard_error)
        assert json.loads(json.dumps(row.settings))["examples"] in {16, 24}
    named = {row.name for row in rows if row.invariant}
    assert named == {
        "adaptive_worst_case",
        "adaptive_worst_case_linf",
        "adaptive_average_case",
        "fisher_rao",
        "relative_flatness",
    }


def test_a_row_is_what_the_measure_returns_alone(float64, network):
    rows = sharpness.report_card(*network, key=KEY, measures=QUICK)
    for row in rows:
        assert row[1:] == QUICK[row.name](*network, key=KEY)


def test_rescaling_moves_the_raw_measures_and_leaves_loss_and_invariants(
    float64, network
):
    wanted = ("keskar", "hessian_max", "fisher_rao", "relative_flatness")
    measures = {name: sharpness.MEASURES[name] for name in wanted}
    loss = functools.partial(sharpness.low_pass, rho=1e-12, draws=1)
    measures |= {"adaptive": sharpness.adaptive_worst_case, "loss": loss}
    before, after = (
        sharpness.report_card(
            network.loss_fn, params, network.batches, key=KEY, measures=measures
        )
        for params in (
            network.params,
            sharpness.rescale_layers(network.params, (8.0, 0.25, 0.5)),
        )
    )
    for old, new in zip(before, after, strict=True):
        change = abs(new.value / old.value - 1)
        assert change < 1e-6 if old.invariant or old.name == "loss" else change > 0.5


def test_a_population_shares_one_compilation(float64, network):
    compiled = []

    def count(event, seconds, **details):
        del seconds, details
        compiled.append(event.endswith("backend_compile_duration"))

    # Where Lanczos restarts, and so a shape of its arrays, is up to the spectrum.
    measures = dict(sharpness.MEASURES)
    del measures["hessian_max"]
    sharpness.report_card(*network, key=KEY, measures=measures)
    key = jax.random.key(1)
    other = sharpness.rescale_layers(network.params, (3.0, 0.5, 2 / 3))
    monitoring.register_event_duration_secs_listener(count)
    try:
        sharpness.report_card(
            jax.tree_util.Partial(network.loss_fn.func, np.array(2.0)),
            other,
            network.batches,
            key=key,
            measures=measures,
        )
    finally:
        monitoring.unregister_event_duration_listener(count)
    assert not any(compiled)


@pytest.mark.parametrize(
    ("name", "gradients"),
    [
        ("average_case", (1 + 2 * 20) / 3),
        ("low_pass", 2 * 20 / 3),
        ("adaptive_worst_case", 11),
        ("hessian_trace", 60),
        ("relative_flatness", 40),
        ("fisher_rao", 2 / 3),
        ("gradient_noise_scale", 1),
    ],
)
def test_the_cost_is_counted_in_gradients(float64, network, name, gradients):
    found = sharpness.MEASURES[name](*network, key=KEY)
    np.testing.assert_allclose(found.cost, gradients)


def test_a_failed_measure_is_a_row_with_its_reason():
    def loss_fn(params, batch):
        return jax.numpy.mean((batch[0] @ params["w"] - batch[1]) ** 2) / 2

    inputs = np.random.default_rng(0).normal(size=(12, 2))
    batches = [(inputs, inputs @ np.ones(2))]
    rows = sharpness.report_card(loss_fn, {"w": np.full(2, 0.9)}, batches, key=KEY)
    failed = {row.name: row for row in rows if "failed" in row.settings}
    assert [row.name for row in rows] == list(sharpness.MEASURES)
    assert set(failed) == {"relative_flatness", "m_sharpness"}
    assert "the path of one kernel" in failed["relative_flatness"].settings["failed"]
    assert all(math.isnan(row.value) for row in failed.values())
    assert all(math.isfinite(row.value) for row in rows if row.name not in failed)
    assert json.dumps([row.settings for row in rows])


def test_a_card_prints_as_a_table_whose_columns_are_aligned():
    rows = [
        sharpness.Row("hessian_max", 1234.5, float("nan"), {}, 18.0, False),
        sharpness.Row("fisher_rao", 0.5, 0.25, {}, 2 / 3, True),
        sharpness.Row("m_sharpness", *[math.nan] * 2, {"failed": "m < 16"}, 0.0, False),
    ]
    card = sharpness.Card(rows)
    assert str(card) == repr(card)
    lines = str(card).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split()[-4:] == ["1234", "–", "no", "18"]
    assert lines[2].split()[-4:] == ["0.5", "0.25", "yes", "0.6667"]
    assert lines[3].startswith("m-sharpness, m = 16 (nats): m < 16 ")
    assert card == rows and card[1].value == 0.5
    html = card._repr_html_()
    assert html.count("<tr>") == 4 and "<th>gradients</th>" in html
    assert "m &lt; 16" in html


@pytest.mark.parametrize("name", sharpness.MEASURES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_every_measure_says_that_the_loss_is_not_finite(name, wrong):
    def loss_fn(params, batch):
        # The derivatives are finite.
        return jax.numpy.mean(batch @ params["kernel"]) ** 2 + wrong

    params, batches = {"kernel": np.ones((2, 1))}, [np.ones((16, 2))]
    with pytest.raises(ValueError, match=f"the loss at params is {wrong}; expected a"):
        sharpness.MEASURES[name](loss_fn, params, batches, key=KEY)


def test_a_loss_that_is_no_loss_is_an_error_and_not_sixteen_rows():
    with pytest.raises(ValueError, match="the loss is an array"):
        sharpness.report_card(lambda p, b: b, 1.0, [np.ones(16)], key=KEY)


@pytest.mark.parametrize("measures", [["keskar", "nope"], "keskar"])
def test_an_unknown_measure_is_named(measures):
    with pytest.raises(ValueError, match="measures has '.*'; expected names of sharp"):
        sharpness.report_card(
            lambda p, x: jnp.mean((x * p) ** 2),
            jnp.ones(1),
            [jnp.ones(16)],
            key=jax.random.key(0),
            measures=measures,
        )
