import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature, landscape


def examples():
    return np.random.default_rng(0).normal(size=(7, 3)).astype("float32")


def unequal_batches():
    return [examples()[:4], examples()[4:]]


def tree(seed):
    rng = np.random.default_rng(seed)
    return {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}


def loss_fn(params, batch):
    return jnp.mean(
        jnp.sum(jnp.tanh(batch @ params["w"] + params["b"][None]), axis=-1) ** 2
    )


def two_wells(params, batch):
    return jnp.mean(batch) * jnp.sum((params**2 - 1) ** 2)


def bowl(params, batch):
    return jnp.mean(batch) * jnp.sum((params - 0.3) ** 2)


class Normalised(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.0)(nn.Dense(2)(x))
        return nn.Dense(1)(nn.relu(x))


def normalised_loss(variables, batch):
    return jnp.mean(Normalised().apply(variables, batch, train=False) ** 2)


def refit(params):
    """Put the statistics of the examples at these parameters beside them."""
    empty = Normalised().init(jax.random.key(0), examples(), train=False)
    _, updated = Normalised().apply(
        empty | {"params": params}, examples(), train=True, mutable="batch_stats"
    )
    return {"params": params} | updated


def normalised(seed):
    variables = Normalised().init(jax.random.key(seed), examples(), train=False)
    return refit(variables["params"])


def test_the_ends_are_exactly_the_two_points():
    line = landscape.interpolate(
        loss_fn, tree(0), tree(1), unequal_batches(), alphas=[0, 1]
    )
    ends = [
        curvature.mean_loss(loss_fn, tree(seed), unequal_batches()) for seed in (0, 1)
    ]
    np.testing.assert_array_equal(line, ends)


def test_a_line_is_the_loop_over_its_points(float64):
    line = landscape.interpolate(loss_fn, tree(0), tree(1), unequal_batches())
    alphas = -1 + np.arange(25) / 8
    for alpha, loss in zip(alphas, line, strict=True):
        point = {k: (1 - alpha) * tree(0)[k] + alpha * tree(1)[k] for k in tree(0)}
        outputs = np.tanh(examples() @ point["w"] + point["b"])
        np.testing.assert_allclose(loss, np.mean(outputs.sum(axis=1) ** 2), rtol=1e-12)


def test_statistics_interpolate_with_the_variables():
    a, b = normalised(0), normalised(1)
    (loss,) = landscape.interpolate(normalised_loss, a, b, [examples()], alphas=[0.25])
    mixed = jax.tree.map(lambda x, y: 0.75 * x + 0.25 * y, a, b)
    expected = curvature.mean_loss(normalised_loss, mixed, [examples()])
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_no_variance_is_negative_beyond_the_ends():
    a, b = normalised(0), normalised(1)
    wide = jax.tree_util.tree_map_with_path(
        lambda path, leaf: 100 * leaf if path[-1].key == "var" else leaf, a
    )
    losses = landscape.interpolate(
        normalised_loss, wide, b, [examples()], alphas=[0, 1, 2]
    )
    assert np.isfinite(losses).all()
    unguarded = landscape.interpolate(
        normalised_loss, wide, b, [examples()], alphas=[2], prepare=lambda point: point
    )
    assert np.isnan(unguarded).all()


def test_variances_alone_are_clipped():
    variables = {
        "params": {"var": -jnp.ones(1), "w": -jnp.ones(1)},
        "batch_stats": {"norm": {"mean": -jnp.ones(1), "var": -jnp.ones(1)}},
    }
    clipped = landscape.nonnegative_variances(variables)
    assert clipped["batch_stats"]["norm"]["var"] == 0
    for kept in (*clipped["params"].values(), clipped["batch_stats"]["norm"]["mean"]):
        assert kept == -1


def test_kept_statistics_are_those_of_one_network_at_every_point():
    a, b = normalised(0), normalised(1)
    found = landscape.interpolate(
        normalised_loss,
        *(a, b, [examples()]),
        alphas=[-1, 0, 1],
        prepare=landscape.keep_statistics(b),
    )
    bound = {"params": a["params"], "batch_stats": b["batch_stats"]}
    expected = landscape.interpolate(
        normalised_loss, bound, b, [examples()], alphas=[-1, 0, 1]
    )
    np.testing.assert_array_equal(found, expected)
    at_a = curvature.mean_loss(normalised_loss, a, [examples()])
    assert abs(found[1] - at_a) > 0.1 * at_a


def test_refitting_shows_the_loss_under_the_statistics_of_the_point(float64):
    a, b = normalised(0)["params"], normalised(1)["params"]
    line = landscape.interpolate(
        normalised_loss, a, b, [examples()], alphas=[-1, 0.5, 2], prepare=refit
    )
    for alpha, loss in zip([-1, 0.5, 2], line, strict=True):
        point = jax.tree.map(lambda x, y, t=alpha: (1 - t) * x + t * y, a, b)
        outputs, _ = Normalised().apply(
            refit(point), examples(), train=True, mutable="batch_stats"
        )
        np.testing.assert_allclose(loss, np.mean(outputs**2), rtol=1e-6)


@pytest.mark.parametrize(
    ("loss_fn", "expected"), [(two_wells, 2.0), (bowl, 0.0)], ids=["wells", "bowl"]
)
def test_the_barrier_is_the_rise_above_the_chord(loss_fn, expected):
    batches = [np.array([1.0, 3.0]), np.array([2.0])]
    found = landscape.barrier(loss_fn, jnp.array([-1.0]), jnp.array([1.0]), batches)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_chord_joins_unequal_ends(float64):
    def cubic(params, batch):
        return jnp.mean(batch) * params**3

    found = landscape.barrier(
        cubic, jnp.array(-1.0), jnp.array(0.0), [np.ones(2)], points=1001
    )
    # max of x^3 - x on [-1, 0], at x = -1 / sqrt(3)
    np.testing.assert_allclose(found, 2 / (3 * np.sqrt(3)), rtol=1e-5)


def test_points_of_two_shapes_are_named():
    with pytest.raises(
        ValueError, match=r"params_b\['b'\] has shape .*; expected \(2,\)"
    ):
        landscape.interpolate(
            loss_fn, tree(0), tree(1) | {"b": np.ones(3)}, unequal_batches()
        )


def test_a_barrier_needs_a_point_between_the_ends():
    with pytest.raises(ValueError, match="points is 2; expected an integer >= 3"):
        landscape.barrier(loss_fn, tree(0), tree(1), unequal_batches(), points=2)
