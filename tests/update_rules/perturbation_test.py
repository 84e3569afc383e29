"""The step up is the steepest, and each of its variants is its authors'."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from lec7 import update_rules

RHO = 0.3
SHAPES = {
    "dense": {"kernel": (3, 2), "bias": (2,)},
    "norm": {"scale": (2,), "bias": (2,)},
}


def draw(seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda shape: rng.normal(size=shape),
        SHAPES,
        is_leaf=lambda node: isinstance(node, tuple),
    )


def perturbed(params, gradient, **options):
    """Return w + e, which a gradient equal to the parameters reads off."""
    rule = update_rules.sharpness_aware(optax.identity(), **options)
    state = rule.init(params)
    return rule.update(gradient, state, params, grad_fn=lambda point: point)[0]


def leaves(*trees):
    """Yield (is it a bias, leaf of each tree)."""
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(trees[0])]
    for path, *found in zip(paths, *map(jax.tree.leaves, trees), strict=True):
        yield path[-1].key == "bias", *found


def norm(arrays):
    return np.sqrt(sum(np.sum(np.square(array)) for array in arrays))


def davda54(params, gradient, *, adaptive):
    def weight(w):
        return np.abs(w) if adaptive else np.ones_like(w)

    pairs = [(w, g) for _, w, g in leaves(params, gradient)]
    scale = RHO / (norm(weight(w) * g for w, g in pairs) + 1e-12)
    return [w + weight(w) ** 2 * g * scale for w, g in pairs]


def samsung(params, gradient, *, eta):
    sizes, scaled = [], []
    for is_bias, w, g in leaves(params, gradient):
        sizes.append(np.ones_like(w) if is_bias else np.abs(w) + eta)
        scaled.append(sizes[-1] * g)
    scale = RHO / (norm(scaled) + 1e-16)
    return [
        w + t * s * scale
        for w, t, s in zip(jax.tree.leaves(params), sizes, scaled, strict=True)
    ]


def big_vision(params, gradient):
    length = norm(jax.tree.leaves(gradient)) + 1e-12
    return [w + np.abs(w) * RHO * g / length for _, w, g in leaves(params, gradient)]


asam = {"adaptive": True}
VARIANTS = {
    "davda54": ({}, functools.partial(davda54, adaptive=False)),
    "davda54, adaptive": (asam, functools.partial(davda54, adaptive=True)),
    "SamsungLabs": (
        asam | {"eta": 0.01, "adapt_biases": False},
        functools.partial(samsung, eta=0.01),
    ),
    "SamsungLabs, script": (
        asam | {"adapt_biases": False},
        functools.partial(samsung, eta=0.0),
    ),
    "big_vision": (asam | {"steepest": False}, big_vision),
}
every_variant = pytest.mark.parametrize("name", VARIANTS)


@pytest.mark.usefixtures("float64")
@every_variant
def test_the_perturbation_is_that_of_the_table(name):
    options, oracle = VARIANTS[name]
    params, gradient = draw(0), draw(1)
    actual = perturbed(params, gradient, rho=RHO, **options)
    chex.assert_trees_all_close(
        jax.tree.leaves(actual), oracle(params, gradient), rtol=1e-11
    )


def test_no_two_variants_are_one():
    params, gradient = draw(0), draw(1)
    first = [
        perturbed(params, gradient, rho=RHO, **options)["dense"]["bias"][0]
        for options, _ in VARIANTS.values()
    ]
    assert np.min(np.diff(np.sort(first))) > 1e-4


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ("davda54", "davda54, adaptive", "SamsungLabs"))
def test_nothing_on_the_ellipsoid_is_higher_to_first_order(name):
    options, _ = VARIANTS[name]
    params, gradient = draw(0), draw(1)
    highest = optax.tree.sub(perturbed(params, gradient, rho=RHO, **options), params)
    for seed in range(2, 20):
        other = perturbed(params, draw(seed), rho=RHO, **options)
        rise = optax.tree.vdot(gradient, optax.tree.sub(other, params))
        assert rise < optax.tree.vdot(gradient, highest)


def network_loss(params, images, targets):
    first, second = params["first"], params["second"]
    hidden = jax.nn.relu(images @ first["kernel"] + first["bias"][None])
    return jnp.mean((hidden @ second["kernel"] + second["bias"][None] - targets) ** 2)


def rescaled(params, factor):
    """Return the same function: the first layer times a factor, the second over it."""
    first = jax.tree.map(lambda leaf: factor * leaf, params["first"])
    kernel = params["second"]["kernel"] / factor
    return {"first": first, "second": params["second"] | {"kernel": kernel}}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("options", "invariant"),
    [
        (asam, True),
        (asam | {"steepest": False}, False),
        ({}, False),
        (asam | {"eta": 0.01}, False),
        (asam | {"adapt_biases": False}, False),
    ],
)
def test_asam_follows_a_rescaling_of_layers(options, invariant):
    rng = np.random.default_rng(0)
    params = {
        "first": {"kernel": rng.normal(size=(3, 4)), "bias": rng.normal(size=4)},
        "second": {"kernel": rng.normal(size=(4, 2)), "bias": rng.normal(size=2)},
    }
    images, targets = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    gradient = jax.grad(network_loss)
    expected = rescaled(
        perturbed(params, gradient(params, images, targets), rho=RHO, **options), 5.0
    )
    moved = rescaled(params, 5.0)
    actual = perturbed(moved, gradient(moved, images, targets), rho=RHO, **options)
    difference = optax.tree.norm(optax.tree.sub(actual, expected))
    assert (difference < 1e-12) if invariant else (difference > 1e-3)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_a_gradient_whose_square_is_no_number_has_a_direction(size):
    gradient = np.float32([3 * size, 4 * size])
    actual = perturbed(jnp.zeros(2), gradient, rho=1.0)
    np.testing.assert_allclose(actual, [0.6, 0.8], rtol=1e-6)


@every_variant
def test_a_gradient_of_zero_perturbs_nothing(name):
    params = draw(0)
    actual = perturbed(params, optax.tree.zeros_like(params), **VARIANTS[name][0])
    chex.assert_trees_all_equal(actual, optax.tree.cast(params, jnp.float32))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("make", [update_rules.sharpness_aware, update_rules.gsam])
def test_a_perturbation_of_half_precision_is_not_rounded_away(make, dtype):
    # davda54/sam#7, MeZO#42: 3.7 % of the coordinates moved, by .017 of .05 in all.
    x = jnp.asarray(np.random.default_rng(0).normal(size=100_000), dtype)
    seen = []

    def grad_fn(point):
        seen.append(point)
        return x[::-1]

    rule = make(update_rules.sgd(0.1), rho=0.05)
    updates, _ = rule.update(x[::-1], rule.init(x), x, grad_fn=grad_fn)
    moved = jnp.linalg.norm(seen[0].astype("float32") - x.astype("float32"))
    np.testing.assert_allclose(moved, 0.05, rtol=1e-3)
    assert updates.dtype == dtype


def test_a_drift_of_half_precision_is_not_rounded_away():
    x = jnp.ones(3, "bfloat16")
    seen = []

    def grad_fn(point):
        seen.append(point)
        return jnp.full(3, 0.01, "bfloat16")

    rule = update_rules.nesterov_lookahead(0.1, decay=0.5)
    state = rule.init(x)
    for _ in range(2):
        _, state = rule.update(x, state, x, grad_fn=grad_fn)
    np.testing.assert_allclose(1 - seen[1], 0.0005, rtol=1e-2)


@pytest.mark.parametrize("name", ["bias", "b", "value"])
def test_biases_are_known_by_the_names_of_flax_haiku_and_nnx(name):
    if name == "value":
        linear = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
        params = nnx.state({"layer": linear}, nnx.Param)
    else:
        params = {"layer": {name: jnp.zeros(1), "w": jnp.ones((2, 1))}}
    ones, seen = jax.tree.map(jnp.ones_like, params), []

    def grad_fn(point):
        seen.append(point)
        return ones

    rule = update_rules.sharpness_aware(
        update_rules.sgd(0.1), adaptive=True, adapt_biases=False, rho=1.0
    )
    rule.update(ones, rule.init(params), params, grad_fn=grad_fn)
    assert jax.tree.leaves(seen[0])[0] > 0.1  # T = 1, where |bias| = 0
    decay = update_rules.l2_in_loss(0.1, pattern="(kernel|w)$")
    bias, kernel = jax.tree.leaves(decay.update(ones, decay.init(params), params)[0])
    assert bias == 1 and (kernel != 1).all()
