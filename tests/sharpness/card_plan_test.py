"""The plan of a card holds what the card then costs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import sharpness

RNG = np.random.default_rng(0)
BATCHES = [RNG.normal(size=(16, 5)).astype(np.float32)] * 2
PARAMS = {"head": {"kernel": RNG.normal(size=(5, 1)).astype(np.float32)}}


def loss_fn(params, batch):
    return jnp.mean(jnp.cosh(batch @ params["head"]["kernel"]))


def test_a_card_costs_what_was_planned():
    plan = sharpness.plan_card(loss_fn, PARAMS, BATCHES)
    card = sharpness.report_card(loss_fn, PARAMS, BATCHES, key=jax.random.key(0))
    assert [row.name for row in plan] == [row.name for row in card]
    for planned, row in zip(plan, card, strict=True):
        assert row.cost <= planned.most + 1e-9, row.name
        if planned.most == planned.gradients:
            assert row.cost == pytest.approx(planned.gradients), row.name


def test_settings_of_a_measure_are_those_of_its_plan():
    few = functools.partial(sharpness.hessian_trace, probes=8)
    measures = {"few": functools.partial(few, method="hutchinson")}
    plan = sharpness.plan_card(loss_fn, PARAMS, BATCHES, measures=measures, timed=True)
    assert plan[0].gradients == 16.0 and plan[0].bytes >= 3 * 8 * 5 * 4
    assert plan[0].seconds > 0
    assert str(plan).splitlines()[0].split() == [
        "measure", "gradients", "at", "most", "GB", "seconds",
    ]  # fmt: skip


def test_a_measure_of_ones_own_is_not_planned():
    with pytest.raises(ValueError, match="measure 'own' is .*expected one of this"):
        sharpness.plan_card(loss_fn, PARAMS, BATCHES, measures={"own": print})
