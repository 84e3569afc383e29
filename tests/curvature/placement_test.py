"""Devices and streams change where and when, never what."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature
from tests.curvature.small_losses import float64_problem, split

EXAMPLES = np.random.default_rng(0).normal(size=(23, 3))


class Loader:
    """Batches that are made anew on every pass."""

    def __init__(self, *cuts, shuffle=False):
        self.cuts, self.rng = cuts, np.random.default_rng(1) if shuffle else None

    def __iter__(self):
        examples = EXAMPLES if self.rng is None else self.rng.normal(size=(23, 3))
        yield from np.split(examples, self.cuts)


def cubic(params, batch):
    return jnp.mean((batch @ params) ** 3)


PARAMS = np.array([1.0, -0.5, 2.0])
CUTS = {"one": (), "unequal": (10, 20), "singles": range(1, 23)}


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("cuts", CUTS)
def test_results_depend_on_neither_chunks_nor_devices(float64, cuts, count):
    expected = 6 * np.einsum("n,ni,nj->ij", EXAMPLES @ PARAMS, EXAMPLES, EXAMPLES) / 23
    for batches in (np.split(EXAMPLES, CUTS[cuts]), Loader(*CUTS[cuts])):
        op = curvature.hessian(
            cubic, PARAMS, batches, devices=jax.devices()[:count], check=True
        )
        chex.assert_trees_all_close(np.asarray(op.to_dense()), expected, rtol=1e-12)


def test_losses_and_gradients_are_averaged_over_devices_too(float64):
    where, devices = (cubic, PARAMS, Loader(10, 20)), jax.devices()[:2]
    slope = curvature.gradient(*where, devices=devices)
    expected = 3 * (EXAMPLES @ PARAMS) ** 2 @ EXAMPLES / 23
    chex.assert_trees_all_close(np.asarray(slope), expected, rtol=1e-12)
    loss = curvature.mean_loss(*where, devices=devices)
    assert float(loss) == pytest.approx(np.mean((EXAMPLES @ PARAMS) ** 3))


def test_a_sequence_is_dealt_out_to_the_devices_in_turn():
    devices = jax.devices()[:3]
    op = curvature.hessian(cubic, PARAMS, np.split(EXAMPLES, 23), devices=devices)
    places = [batch.devices() for batch in op.batches]
    assert places == [{devices[index % 3]} for index in range(23)]
    assert op(np.ones(3)).devices() == {devices[0]}


def test_estimates_do_not_depend_on_the_devices(float64):
    loss_fn, params, examples, dense = float64_problem("mlp")
    op = curvature.hessian(
        loss_fn, params, split(examples, 4, 8), devices=jax.devices()[1:3]
    )
    pairs = curvature.top_eigenpairs(op, 2, key=jax.random.key(0), tol=1e-8)
    chex.assert_trees_all_close(
        np.asarray(pairs.values), np.linalg.eigvalsh(dense)[::-1][:2], rtol=1e-8
    )


def test_a_stream_holds_two_batches_a_device_whatever_the_data_set():
    held = []

    class Watched:
        def __iter__(self):
            for _ in range(12):
                held.append(sum(x.shape == (7, 3) for x in jax.live_arrays()))
                yield np.ones((7, 3))

    curvature.mean_loss(cubic, PARAMS, Watched(), devices=jax.devices()[:2])
    assert max(held) <= 4


def test_the_check_finds_a_loader_that_is_not_the_same_on_every_pass():
    with pytest.raises(ValueError, match="does the loader shuffle or augment anew"):
        curvature.hessian(cubic, PARAMS, Loader(9, shuffle=True), check=True)


def test_the_check_finds_a_matrix_that_is_not_symmetric():
    op = curvature.Operator(
        jax.tree_util.Partial(lambda params, v, batch: jnp.roll(v, 1) * batch.mean()),
        jnp.ones(5),
        (jnp.ones(3),),
    )
    with pytest.raises(ValueError, match="not symmetric.*dropout key.*BatchNorm"):
        curvature.verify(op)


def test_the_check_finds_a_product_that_is_not_finite():
    with pytest.raises(ValueError, match="not finite: are the loss"):
        curvature.hessian(cubic, PARAMS * np.nan, Loader(), check=True)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (iter(Loader()), "is a generator, which can be walked only once"),
        ((), "batches is empty"),
        (type("Empty", (), {"__iter__": lambda self: iter(())})(), "yields nothing"),
    ],
)
def test_batches_that_cannot_be_walked_again_are_refused(batches, message):
    with pytest.raises(ValueError, match=message):
        curvature.mean_loss(cubic, PARAMS, batches)


def test_no_devices_are_refused():
    with pytest.raises(ValueError, match="devices is empty"):
        curvature.mean_loss(cubic, PARAMS, [EXAMPLES], devices=[])
