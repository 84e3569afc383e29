import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import landscape

ALPHAS = np.linspace(-1, 1, 5)
BETAS = np.linspace(-0.5, 2, 3)


def examples():
    return np.random.default_rng(0).normal(size=(7, 3))


def unequal_batches():
    return [examples()[:3], examples()[3:6], examples()[6:]]


def tree(seed):
    rng = np.random.default_rng(seed)
    return {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}


def loss_fn(params, batch):
    return jnp.mean(
        jnp.sum(jnp.tanh(batch @ params["w"] + params["b"][None]), axis=-1) ** 2
    )


def loss_and_positives(params, batch):
    outputs = batch @ params["w"] + params["b"][None]
    return {"loss": loss_fn(params, batch), "positive": jnp.mean(outputs > 0)}


def slow_loss(point):
    outputs = np.tanh(examples() @ point["w"] + point["b"])
    return np.mean(outputs.sum(axis=1) ** 2)


def moved(*steps):
    point = tree(0)
    for step, seed in steps:
        point = {name: point[name] + step * tree(seed)[name] for name in point}
    return point


def test_a_line_is_the_loop_over_its_points(float64):
    losses = landscape.slice_1d(
        loss_fn, tree(0), tree(1), unequal_batches(), alphas=ALPHAS
    )
    expected = [slow_loss(moved((alpha, 1))) for alpha in ALPHAS]
    np.testing.assert_allclose(losses, expected, rtol=1e-12)


def test_a_plane_is_the_loop_over_its_points(float64):
    losses = landscape.slice_2d(
        loss_fn,
        tree(0),
        tree(1),
        tree(2),
        unequal_batches(),
        alphas=ALPHAS,
        betas=BETAS,
    )
    expected = [
        [slow_loss(moved((alpha, 1), (beta, 2))) for beta in BETAS] for alpha in ALPHAS
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-12)


def test_any_mean_over_examples_can_be_drawn(float64):
    pictures = landscape.slice_2d(
        loss_and_positives,
        tree(0),
        tree(1),
        tree(2),
        unequal_batches(),
        alphas=ALPHAS,
        betas=BETAS,
    )
    assert {name: array.shape for name, array in pictures.items()} == {
        "loss": (5, 3),
        "positive": (5, 3),
    }
    outputs = examples() @ tree(0)["w"] + tree(0)["b"]
    line = landscape.slice_1d(
        loss_and_positives, tree(0), tree(1), unequal_batches(), alphas=[0.0]
    )
    np.testing.assert_allclose(line["positive"], [np.mean(outputs > 0)])
    np.testing.assert_allclose(line["loss"], [slow_loss(tree(0))])


def test_every_point_is_prepared_once(float64):
    prepared = []

    def shift(point):
        prepared.append(point)
        return {"w": point["w"], "b": point["b"] + 1}

    losses = landscape.slice_1d(
        loss_fn, tree(0), tree(1), unequal_batches(), alphas=ALPHAS, prepare=shift
    )
    shifted = [
        {"w": moved((alpha, 1))["w"], "b": moved((alpha, 1))["b"] + 1}
        for alpha in ALPHAS
    ]
    np.testing.assert_allclose(losses, [slow_loss(p) for p in shifted], rtol=1e-12)
    assert len(prepared) == len(ALPHAS)


def test_two_networks_share_one_compilation():
    traces, after = [], []

    def counted(statistics, params, batch):
        traces.append(None)
        return statistics * loss_fn(params, batch)

    for seed in (0, 1):
        bound = jax.tree_util.Partial(counted, jnp.array(float(seed)))
        landscape.slice_1d(bound, tree(seed), tree(2), [examples()], alphas=ALPHAS)
        landscape.slice_2d(
            bound, tree(seed), tree(2), tree(3), [examples()], alphas=[0], betas=[0, 1]
        )
        after.append(len(traces))
    assert after[0] == after[1]


def test_a_point_of_half_precision_is_not_rounded_back_to_where_it_came_from():
    seen = []

    def half(params, batch):
        seen.append(params.dtype)
        return jnp.mean(params) * jnp.mean(batch)

    params = jnp.ones(2, "bfloat16")
    losses = landscape.slice_1d(
        half, params, params, [np.ones((3, 2))], alphas=[0, 0.001]
    )
    np.testing.assert_allclose(losses, [1, 1.001], rtol=1e-6)
    assert set(map(str, seen)) == {"float32"}


@pytest.mark.parametrize(
    "values", [[1, 0], [0, 0], [], [0, np.nan], [-np.inf, 0], 0.5, [[0, 1]]]
)
def test_coordinates_that_do_not_increase_are_named(values):
    with pytest.raises(ValueError, match="alphas is .*; expected a row of finite"):
        landscape.slice_1d(loss_fn, tree(0), tree(1), [examples()], alphas=values)
    with pytest.raises(ValueError, match="betas is .*; expected a row of finite"):
        landscape.slice_2d(
            loss_fn, tree(0), tree(1), tree(2), [examples()], alphas=[0], betas=values
        )


def test_a_direction_of_another_shape_is_named():
    direction = tree(1) | {"w": np.ones((3, 1))}
    message = r"direction_y\['w'\] has shape .*; expected \(3, 2\), as in params"
    with pytest.raises(ValueError, match=message):
        landscape.slice_2d(
            loss_fn, tree(0), tree(1), direction, [examples()], alphas=[0], betas=[0]
        )


def test_a_direction_of_another_structure_is_named():
    with pytest.raises(
        ValueError, match="direction is .*; expected a tree like params"
    ):
        landscape.slice_1d(
            loss_fn, tree(0), {"w": tree(1)["w"]}, [examples()], alphas=[0]
        )
