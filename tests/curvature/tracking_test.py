import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature
from lec7.curvature import lanczos

SCALES = jnp.linspace(0.5, 4.0, 40)


def quartic(params, batch):
    return jnp.mean(batch) * jnp.sum(SCALES * params**4) / 12


def path(update):
    return 1 + 0.01 * update * jnp.cos(jnp.arange(40.0))


def follow(updates, **settings):
    watch = curvature.TopEigenvalue(quartic, [np.ones(3), np.ones(2)], **settings)
    for update in updates:
        watch(update, path(update))
    return watch


def test_the_values_are_the_top_of_the_hessian_where_the_training_is():
    watch = follow(range(9), every=4, tol=1e-3)
    assert watch.updates == [0, 4, 8]
    exact = [float(jnp.max(SCALES * path(update) ** 2)) for update in watch.updates]
    np.testing.assert_allclose(watch.values, exact, rtol=1e-4)


def test_the_last_vector_saves_products_and_nothing_compiles_again(monkeypatch):
    spent, grow, traces, after = [], lanczos._grow, [], []

    def counted(*args):
        spent[-1] += 1
        return grow(*args)

    def loss_fn(params, batch):
        traces.append(None)
        return quartic(params, batch)

    monkeypatch.setattr(lanczos, "_grow", counted)
    watch = curvature.TopEigenvalue(loss_fn, [np.ones(3)])
    for update in range(3):
        spent.append(0)
        watch(update, path(update))
        after.append(len(traces))
    assert max(spent[1:]) < spent[0]
    assert after[0] == after[-1]


def test_a_run_that_is_resumed_with_its_vector_has_the_same_values():
    whole = follow(range(4))
    rest = curvature.TopEigenvalue(quartic, [np.ones(3), np.ones(2)])
    rest.vector = follow(range(2)).vector
    assert [rest(update, path(update)) for update in (2, 3)] == whole.values[2:]


@pytest.mark.parametrize("wrong", [{"every": 0}, {"tol": 0.0}])
def test_what_is_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        follow([], **wrong)


def test_parameters_of_a_jitted_loop_can_be_watched():
    step = jax.jit(lambda w: w - 0.01 * jax.grad(quartic)(w, jnp.ones(1)))
    watch, params = curvature.TopEigenvalue(quartic, [np.ones(3)], every=2), path(0)
    for update in range(5):
        watch(update, params)
        params = step(params)
    assert watch.values[0] > watch.values[1] > watch.values[2]
