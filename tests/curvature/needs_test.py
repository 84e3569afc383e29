"""A plan holds what is then spent, and what does not fit is refused before."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature, memory
from lec7.curvature import operators

EXAMPLES = np.random.default_rng(0).normal(size=(12, 6000)).astype(np.float32)
PARAMS = np.ones(6000, np.float32) / 100
KEY = jax.random.key(0)


def loss_fn(params, batch):
    return jnp.mean(jnp.cosh(batch @ params))


def hessian():
    return curvature.hessian(loss_fn, PARAMS, np.split(EXAMPLES, 2))


ASKED = {
    "pairs": (curvature.top_eigenpairs, {"k": 2, "max_matvecs": 40}),
    "hutch++": (curvature.trace, {"probes": 14}),
    "hutchinson": (curvature.trace, {"probes": 20, "method": "hutchinson"}),
    "diagonal": (curvature.diagonal, {"probes": 5}),
    "frobenius": (curvature.frobenius_norm, {"probes": 5}),
    "density": (curvature.spectral_density, {"order": 5, "probes": 3}),
}


@pytest.mark.parametrize("case", ASKED)
def test_a_plan_is_not_exceeded(case, monkeypatch):
    (function, given), made, held = ASKED[case], [], []
    products, call = operators.products, operators.Operator.__call__
    vector = PARAMS.nbytes

    def look():
        live = [x.nbytes for x in jax.live_arrays() if x.size % PARAMS.size == 0]
        held.append(sum(live) - EXAMPLES.nbytes - vector)

    def counted(op, vectors):
        made.append(len(vectors))
        result = products(op, vectors)
        look()
        return result

    def called(op, v):
        made.append(1)
        look()
        return call(op, v)

    op = hessian()
    plan = curvature.plan(function, op, **given)
    assert np.isnan(plan.seconds)
    monkeypatch.setattr(operators, "products", counted)
    monkeypatch.setattr(operators.Operator, "__call__", called)
    monkeypatch.setattr(operators, "is_one_program", lambda op: False)
    function(op, key=KEY, **given)
    assert sum(made) <= plan.products
    assert max(held) <= plan.bytes <= 8 * max(held)
    if case not in ("pairs", "density"):  # which may end early
        assert sum(made) == plan.products


def test_a_pass_is_good_for_as_many_vectors_as_one_program_takes():
    op = hessian()
    assert (
        curvature.plan(curvature.trace, op, probes=40, method="hutchinson").passes == 3
    )
    assert curvature.plan(curvature.top_eigenpairs, op, k=1, max_matvecs=9).passes == 10


def test_a_product_is_timed_when_it_is_asked_for():
    found = curvature.plan(curvature.trace, hessian(), timed=True)
    assert 0 < found.seconds < 60


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((curvature.verify,), "function is 'verify'; expected one of top_eigenpairs"),
        ((curvature.trace, {"k": 3}), r"settings is \['k'\]; expected some of"),
    ],
)
def test_what_cannot_be_planned_is_refused(given, told):
    function, *settings = given
    with pytest.raises(ValueError, match=told):
        curvature.plan(function, hessian(), **dict(*settings))


@pytest.mark.parametrize(
    ("take", "told"),
    [
        (
            functools.partial(curvature.top_eigenpairs, k=3000),
            "6,001 vectors of 6,000 numbers need at least 0.1 GB; expected at most 0.1",
        ),
        (
            functools.partial(curvature.trace, probes=9000, method="hutchinson"),
            "18,000 vectors of 6,000 numbers need at least 0.4 GB",
        ),
        (
            functools.partial(curvature.spectral_density, order=6000, probes=2),
            "vectors of 6,000 numbers need at least 0.1 GB",
        ),
    ],
)
def test_a_basis_that_does_not_fit_is_refused_before_it_is_made(
    take, told, monkeypatch
):
    monkeypatch.setattr(memory, "available", lambda device: 1.2e8)
    with pytest.raises(memory.TooLargeError, match=told):
        take(hessian(), key=KEY)
