import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature

RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.normal(size=(12, 3)), RNG.normal(size=12)
SPLITS = {
    "one": [],
    "unequal_last": [5, 10],
    "all_unequal": [1, 4],
    "singles": range(12),
}


def batches(split):
    cuts = list(SPLITS[split])
    return list(zip(np.split(INPUTS, cuts), np.split(TARGETS, cuts), strict=True))[
        1 if split == "singles" else 0 :
    ]


def squared_loss(params, batch):
    inputs, targets = batch
    return jnp.mean((inputs @ params["w"] + params["b"] - targets) ** 2)


def parameters():
    return {"w": jnp.array([1.0, -2.0, 0.5]), "b": jnp.array(0.3)}


@pytest.mark.parametrize("split", SPLITS)
def test_the_mean_is_over_examples_whatever_the_batches(float64, split):
    params = parameters()
    chex.assert_trees_all_close(
        curvature.mean_loss(squared_loss, params, batches(split)),
        squared_loss(params, (INPUTS, TARGETS)),
        rtol=1e-13,
    )


def test_the_gradient_of_the_mean_loss_is_the_gradient_over_all_examples(float64):
    params = parameters()
    chex.assert_trees_all_close(
        jax.grad(lambda p: curvature.mean_loss(squared_loss, p, batches("one")))(
            params
        ),
        jax.grad(squared_loss)(params, (INPUTS, TARGETS)),
        rtol=1e-13,
    )


def test_new_values_of_parameters_and_bound_arrays_share_one_compilation():
    traces = []

    def loss_fn(shift, params, batch):
        traces.append(None)
        return jnp.mean((batch * params - shift) ** 2)

    for value in (1.0, 2.0):
        loss = curvature.mean_loss(
            jax.tree_util.Partial(loss_fn, jnp.array(value)),
            jnp.array(2 * value),
            [np.ones(4), np.full(4, value)],
        )
        expected = ((2 * value - value) ** 2 + (2 * value**2 - value) ** 2) / 2
        assert float(loss) == pytest.approx(expected)
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "batches is empty"),
        ({"image": np.ones(3)}, r"one mapping with the keys \['image'\]"),
        ([(np.ones((3, 2)), np.ones(4))], r"batch 0 .* shapes \[\(3, 2\), \(4,\)\]"),
        ([np.ones(2), np.ones((0, 2))], r"batch 1 .* shapes \[\(0, 2\)\]"),
        ([np.float32(1.0)], r"batch 0 .* shapes \[\(\)\]"),
        ([()], r"batch 0 .* shapes \[\]"),
    ],
)
def test_batches_that_cannot_be_averaged_over_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        curvature.mean_loss(lambda params, batch: params, jnp.array(1.0), given)


def test_a_loss_that_is_not_a_scalar_is_refused():
    with pytest.raises(
        ValueError, match=r"the loss is an array of .* \(3,\); expected"
    ):
        curvature.mean_loss(lambda params, batch: batch, 1.0, [jnp.ones(3)])


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (np.ones((4, 2)), r"one array of the shape \(4, 2\); expected a sequence"),
        ((np.ones((4, 2)), np.ones(4)), r"put a single batch \(x, y\) into a list"),
        (5, "batches is 5; expected a sequence of batches"),
    ],
)
def test_what_is_no_sequence_of_batches_is_refused(batches, message):
    with pytest.raises(ValueError, match=message):
        curvature.hessian(lambda p, b: p**2, 1.0, batches)
