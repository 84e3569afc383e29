"""GSAM takes away what is orthogonal to SAM's gradient, and nothing else."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules

RHO, ALPHA = 0.3, 0.4
MATRIX = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
START = np.array([1.0, -2.0, 0.5])


def slope(w):
    return MATRIX @ w + w**3


def direction(grad_fn=slope, **options):
    """Return what the base descends by."""
    rule = update_rules.gsam(optax.identity(), **options)
    w = jnp.asarray(START)
    return rule.update(grad_fn(w), rule.init(w), w, grad_fn=grad_fn)[0]


def big_vision(w, *, adaptive):
    clean = slope(w)
    size = np.abs(w) if adaptive else 1.0
    robust = slope(w + size * RHO * clean / (np.linalg.norm(clean) + 1e-12))
    along = robust / np.linalg.norm(robust)
    return robust - ALPHA * (clean - np.vdot(along, clean) * along)


def torch_port(w):
    """Of juntang-zhuang/GSAM, adaptive, which takes the cosine first."""
    clean = slope(w)
    robust = slope(w + RHO * w**2 * clean / (np.linalg.norm(w * clean) + 1e-12))
    lengths = np.linalg.norm(clean), np.linalg.norm(robust)
    cosine = clean @ robust / (lengths[0] * lengths[1] + 1e-12)
    vertical = clean - cosine * lengths[0] * robust / (lengths[1] + 1e-12)
    return robust - ALPHA * vertical


VARIANTS = {
    "big_vision": ({}, big_vision(START, adaptive=False)),
    "big_vision, adaptive": (
        {"adaptive": True, "steepest": False},
        big_vision(START, adaptive=True),
    ),
    "torch port, adaptive": ({"adaptive": True}, torch_port(START)),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", VARIANTS)
def test_the_direction_is_that_of_the_table(name):
    options, expected = VARIANTS[name]
    actual = direction(rho=RHO, alpha=ALPHA, **options)
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


@pytest.mark.usefixtures("float64")
def test_what_is_taken_away_leaves_the_perturbed_loss_and_raises_the_loss():
    robust = direction(rho=RHO, alpha=0.0)
    taken = robust - direction(rho=RHO, alpha=1.0)
    assert abs(taken @ robust) < 1e-12
    assert taken @ slope(START) > 0.1


def descend(rule, steps=20):
    w = jnp.asarray(START)
    state = rule.init(w)
    for _ in range(steps):
        updates, state = rule.update(slope(w), state, w, grad_fn=slope)
        w = optax.apply_updates(w, updates)
    return w


@pytest.mark.usefixtures("float64")
def test_without_alpha_it_is_sam():
    base = update_rules.momentum(0.02)
    np.testing.assert_allclose(
        descend(update_rules.gsam(base, rho=RHO, alpha=0.0)),
        descend(update_rules.sharpness_aware(base, rho=RHO)),
        rtol=1e-12,
    )


def test_a_perturbed_gradient_of_zero_is_orthogonal_to_nothing():
    rule = update_rules.gsam(optax.identity(), alpha=0.5)
    w = jnp.array([1.0, 2.0])
    updates, _ = rule.update(w, rule.init(w), w, grad_fn=jnp.zeros_like)
    np.testing.assert_array_equal(updates, -0.5 * w)


def test_the_radius_follows_the_learning_rate_between_its_ends():
    rates = jnp.array([0.0, 0.1, 0.2, 0.3, 0.4])
    radius = update_rules.gsam_radius(
        lambda step: rates[step], lr_min=0.1, lr_max=0.3, rho_min=1.0, rho_max=3.0
    )
    actual = [radius(step) for step in range(5)]
    np.testing.assert_allclose(actual, [1, 1, 2, 3, 3], rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lr_min": 0.5}, "lr_min is 0.5 and lr_max 0.5; expected lr_min < lr_max"),
        ({"rho_min": 2.0}, "rho_min is 2.0 and rho_max 1.0; expected 0 <= rho_min"),
        ({"rho_min": -1.0}, "rho_min is -1.0"),
    ],
)
def test_ends_in_the_wrong_order_are_refused(wrong, message):
    right = {"lr_min": 0.0, "lr_max": 0.5, "rho_min": 0.1, "rho_max": 1.0}
    with pytest.raises(ValueError, match=message):
        update_rules.gsam_radius(lambda step: 0.1, **(right | wrong))
