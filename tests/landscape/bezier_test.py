import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import landscape

KEY = jax.random.key(0)
RULE = optax.sgd(optax.cosine_decay_schedule(1.0, 1000))


def at_angle(degrees):
    return jnp.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def ring(params, batch):
    return jnp.mean(batch) * (jnp.sum(params**2) - 1) ** 2 / 2


def bowl(params, batch):
    return jnp.mean(jnp.sum((params[None] - batch) ** 2, axis=-1)) / 2


def test_a_curve_has_no_barrier_where_the_straight_line_has_one():
    ends, ones = (at_angle(0), at_angle(110)), [jnp.ones(1)]
    path = landscape.bezier_path(ring, *ends, ones, key=KEY, rule=RULE, steps=600)
    losses = landscape.bezier_losses(ring, path, ones)
    straight = landscape.barrier(ring, *ends, ones)
    # The middle of the chord is cos(55 degrees) from the centre.
    np.testing.assert_allclose(
        straight, (1 - np.cos(np.radians(55)) ** 2) ** 2 / 2, rtol=1e-5
    )
    assert losses.shape == (61,)
    assert landscape.rise_above_chord(np.linspace(0, 1, 61), losses) < straight / 50


def test_the_ends_stay_where_they_are():
    ends = at_angle(0), at_angle(90)
    path = landscape.bezier_path(
        ring, *ends, [jnp.ones(1)], key=KEY, rule=RULE, steps=5
    )
    np.testing.assert_array_equal(path.at(0.0), ends[0])
    np.testing.assert_array_equal(path.at(1.0), ends[1])


def test_before_the_first_step_that_counts_the_path_is_the_straight_line():
    a, b = at_angle(0), at_angle(90)
    path = landscape.bezier_path(
        ring, a, b, [jnp.ones(1)], key=KEY, rule=optax.sgd(0.0), steps=1
    )
    for t in np.linspace(0, 1, 5):
        np.testing.assert_allclose(path.at(t), (1 - t) * a + t * b, atol=1e-7)


def test_the_bend_of_a_bowl_is_known_whatever_the_batches(float64):
    """E_t grad_bend L(phi(t)) = 0 is linear for L = E ||w - x||^2 / 2.

    (a + b) / 20 + bend / 15 = mean / 6, by the moments of t (1 - t): B(2, 4) = 1 / 20,
    B(3, 3) = 1 / 30 and B(2, 2) = 1 / 6. Batches are unequal and of unlike means. Under
    the rate c / t the error is normal, of variance c^2 S / (T (2 c h - 1)), with S that
    of one gradient and h = 4 B(3, 3) the curvature (Robbins and Monro 1951).
    """
    a, b = np.array([1.0, 0.0]), np.array([0.0, 3.0])
    batches = [np.array([[0.0, 1.0]] * 3), np.array([[4.0, -1.0]])]
    mean, steps = np.array([1.0, 0.5]), 2000
    bend = 15 * (mean / 6 - (a + b) / 20)
    rng = np.random.default_rng(0)
    t, x = rng.uniform(size=(10_000, 1)), np.concatenate(batches)
    x = x[rng.integers(len(x), size=10_000)]
    point = (1 - t) ** 2 * a + 2 * t * (1 - t) * bend + t**2 * b
    variance = np.var(2 * t * (1 - t) * (point - x), axis=0)

    rule = optax.sgd(lambda step: 7.5 / (1 + step))
    path = landscape.bezier_path(bowl, a, b, batches, key=KEY, rule=rule, steps=steps)
    sigma = np.sqrt(7.5**2 * variance / steps)
    assert np.all(np.abs(path.bend - bend) < 4 * sigma)
    assert np.all(4 * sigma < 0.5)


def test_losses_along_a_curve_are_those_of_its_points(float64):
    path = landscape.BezierPath(*(jnp.array([x, 1.0]) for x in (0.0, 2.0, 3.0)))
    examples = np.random.default_rng(0).normal(size=(5, 2))
    found = landscape.bezier_losses(
        bowl, path, [examples[:2], examples[2:]], positions=[0, 0.25, 1]
    )
    for t, loss in zip((0, 0.25, 1), found, strict=True):
        point = np.array([2 * t * (1 - t) * 2 + 3 * t**2, 1])
        expected = np.mean(np.sum((point - examples) ** 2, axis=1)) / 2
        np.testing.assert_allclose(loss, expected, rtol=1e-12)


def test_every_point_of_a_curve_is_prepared():
    path = landscape.BezierPath(*(jnp.array([x, 1.0]) for x in (0.0, 2.0, 3.0)))
    moved = landscape.BezierPath(*(leaf + 1 for leaf in path))
    found, expected = (
        landscape.bezier_losses(ring, curve, [jnp.ones(1)], prepare=policy)
        for curve, policy in ((path, lambda point: point + 1), (moved, None))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_rule_may_ask_for_the_value_and_the_function():
    def update(updates, state, params=None, *, value, grad, value_fn, grad_fn):
        differences = value - value_fn(params), updates - grad_fn(params)
        largest = sum(jnp.max(jnp.abs(x)) for x in (*differences, updates - grad))
        return jnp.full_like(params, largest), state

    rule = optax.GradientTransformationExtraArgs(lambda _: (), update)
    path = landscape.bezier_path(
        ring, at_angle(0), at_angle(90), [jnp.ones(1)], key=KEY, rule=rule, steps=1
    )
    np.testing.assert_allclose(path.bend, (at_angle(0) + at_angle(90)) / 2, atol=1e-6)


def test_paths_with_one_rule_share_a_compilation():
    traces = []

    def counted(scale, params, batch):
        traces.append(None)
        return scale * ring(params, batch)

    for scale in (1.0, 2.0):
        loss_fn = jax.tree_util.Partial(counted, jnp.array(scale))
        landscape.bezier_path(
            loss_fn,
            at_angle(0),
            at_angle(9),
            [jnp.ones(1)],
            key=KEY,
            rule=RULE,
            steps=2,
        )
    assert len(traces) == 1


def test_what_cannot_be_joined_is_named():
    with pytest.raises(ValueError, match="params_b has shape .*; expected"):
        landscape.bezier_path(
            ring, jnp.ones(2), jnp.ones(3), [jnp.ones(1)], key=KEY, rule=RULE, steps=1
        )
    with pytest.raises(ValueError, match="steps is 0; expected an integer >= 1"):
        landscape.bezier_path(
            ring, jnp.ones(2), jnp.ones(2), [jnp.ones(1)], key=KEY, rule=RULE, steps=0
        )
