"""One gate that every second-order rule passes."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules

RULES = {
    "newton": update_rules.newton,
    "newton_cg": update_rules.newton_cg,
    "bfgs": update_rules.bfgs,
    "lbfgs": lambda: update_rules.lbfgs(memory_size=2),
}
DTYPES = (
    "float16",
    pytest.param("bfloat16", marks=pytest.mark.slow),  # float16 is the other half
    "float32",
    "float64",
    "complex64",
)

every_rule = pytest.mark.parametrize("name", RULES)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def parameters(dtype="float32"):
    return {
        "b": jnp.asarray(0.75, dtype),
        "w": jnp.asarray([[0.5, -1.0, 0.25]], dtype),
    }


def loss(params):
    """Of the real and the imaginary parts alike, not quadratic, least at zero."""
    squares = [jnp.abs(leaf) ** 2 for leaf in jax.tree.leaves(params)]
    return sum(jnp.sum(square * (1 + square / 4)) for square in squares)


def make_step(rule, loss=loss):
    def step(params, state):
        value, grad = jax.value_and_grad(loss)(params)
        grad = optax.tree.conj(grad)
        return rule.update(
            *(grad, state, params),
            value=value,
            grad=grad,
            value_fn=loss,
            grad_fn=jax.grad(loss),
            unknown="ignored",
        )

    return step


@functools.cache
def compiled_step(name, dtype):
    """A step of the rule in a chain."""
    del dtype
    rule = optax.chain(optax.identity(), RULES[name](), optax.scale(1.0))
    return rule.init, jax.jit(make_step(rule))


@functools.cache
def scaled_step(name):
    """A step of the rule on a quadratic loss times a factor that it is given."""
    rule = RULES[name]()

    @jax.jit
    def step(x, state, scale):
        def scaled(x):
            return scale * jnp.sum(jnp.array([1.0, 3.0]) * x**2)

        return make_step(rule, scaled)(x, state)

    return rule.init, step


def dtypes(tree):
    return jax.tree.map(lambda x: (x.dtype, x.weak_type), tree)


@pytest.mark.usefixtures("float64")
@every_rule
@every_dtype
def test_dtypes_are_kept_and_a_second_step_compiles_nothing(name, dtype):
    init, step = compiled_step(name, dtype)
    params = parameters(dtype)
    state = init(params)
    types, before = dtypes((params, state)), loss(params)
    for _ in range(3):
        updates, state = step(params, state)
        assert dtypes((updates, state)) == types
        params = optax.apply_updates(params, updates)
    assert loss(params) < 0.1 * before
    assert step._cache_size() == 1


@pytest.mark.usefixtures("float64")
@every_rule
@every_dtype
def test_a_zero_gradient_gives_zero(name, dtype):
    init, step = compiled_step(name, dtype)
    params = parameters(dtype)
    zero = optax.tree.zeros_like(params)
    for state in (init(params), step(params, init(params))[1]):
        updates, state = step(zero, state)
        chex.assert_trees_all_equal(updates, zero)
        chex.assert_tree_all_finite(state)


@pytest.mark.usefixtures("float64")
@every_rule
@every_dtype
def test_a_nan_in_the_gradient_is_not_hidden(name, dtype):
    init, step = compiled_step(name, dtype)
    nan = optax.tree.full_like(parameters(dtype), jnp.nan)
    updates, _ = step(nan, init(nan))
    assert all(np.isnan(x).all() for x in jax.tree.leaves(updates))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ("newton", "lbfgs"))
def test_a_complex_parameter_is_two_real_ones(name):
    def real_loss(parts):
        real, imaginary = parts
        return jnp.sum(jnp.cosh(real + 2 * imaginary) + jnp.cosh(imaginary - 1))

    def complex_loss(z):
        return real_loss((z.real, z.imag))

    def run(loss, params):
        rule = RULES[name]()
        step, state = jax.jit(make_step(rule, loss)), rule.init(params)
        for _ in range(4):
            updates, state = step(params, state)
            params = optax.apply_updates(params, updates)
        return params

    z = run(complex_loss, jnp.array([0.5 + 0.2j, -0.3 + 0.1j]))
    parts = run(real_loss, (jnp.array([0.5, -0.3]), jnp.array([0.2, 0.1])))
    chex.assert_trees_all_close((z.real, z.imag), parts, rtol=0, atol=1e-12)


@every_rule
def test_under_vmap_and_scan_each_member_goes_its_own_way(name):
    rule = RULES[name]()
    step = make_step(rule)

    @jax.jit
    @jax.vmap
    def run(params):
        def body(carry, _):
            updates, state = step(*carry)
            return (optax.apply_updates(carry[0], updates), state), None

        return jax.lax.scan(body, (params, rule.init(params)), length=3)[0][0]

    def take(i, tree):
        return jax.tree.map(lambda x: x[jnp.array(i)], tree)

    members = jax.tree.map(lambda x: jnp.stack([x, 9 * x, -x]), parameters())
    together = run(members)
    for i in range(3):
        alone = run(take([i, i, i], members))
        chex.assert_trees_all_equal(take([i, i, i], together), alone)


@every_rule
@pytest.mark.parametrize("missing", ("params", "value_fn"))
def test_a_rule_says_what_it_needs(name, missing):
    rule, params = RULES[name](), parameters()
    given = {"params": params, "value_fn": loss, "value": loss(params), "grad": params}
    given[missing] = None
    with pytest.raises(ValueError, match=f"needs {missing}: call update"):
        rule.update(params, rule.init(params), **given)


@pytest.mark.parametrize("name", ("newton", "newton_cg"))
def test_vmap_over_damping_is_a_loop_over_it(name):
    params = parameters()

    @jax.jit
    @jax.vmap
    def update(damping):
        rule = getattr(update_rules, f"scale_by_{name}")(damping=damping)
        return make_step(rule)(params, rule.init(params))[0]

    members = jnp.array([0.0, 0.5])
    together = update(members)
    for i in range(2):
        alone = update(members[jnp.array([i, i])])
        chex.assert_trees_all_equal(
            jax.tree.map(lambda x, i=i: x[i], (together, alone))[0],
            jax.tree.map(lambda x, i=i: x[i], alone),
        )
    assert optax.tree.norm(together) > 0


@pytest.mark.parametrize("name", ["newton_cg", "bfgs", "lbfgs"])
@pytest.mark.parametrize("bad", [pytest.param(np.nan, marks=pytest.mark.slow), np.inf])
def test_one_bad_batch_leaves_the_parameters_where_they_were(name, bad):
    # penrose#1903, ensmallen#368: along NaN a search has the length 0, and 0 NaN = NaN.
    init, step = scaled_step(name)
    x = jnp.array([2.0, 1.0])
    state, path = init(x), [x]
    for scale in (1.0, bad, 1.0, 1.0, 1.0, 1.0):
        updates, state = step(x, state, scale)
        x = optax.apply_updates(x, updates)
        path.append(x)
    np.testing.assert_array_equal(path[1], path[2])
    assert jnp.linalg.norm(x) < 0.01


@every_rule
def test_parameters_and_state_may_be_overwritten_in_the_first_step(name):
    # optax#1059: two fields of a state were one buffer.
    rule = RULES[name]()
    x = {"a": jnp.ones(3), "b": jnp.ones(())}

    def update(x, state):
        updates, state = make_step(rule)(x, state)
        return optax.apply_updates(x, updates), state

    step = jax.jit(update, donate_argnums=(0, 1))
    x, _ = step(*step(x, rule.init(x)))
    chex.assert_tree_all_finite(x)


@every_rule
@pytest.mark.parametrize(
    "empty",
    [{}, pytest.param((), marks=pytest.mark.slow), {"a": jnp.zeros(0)}],
)
def test_no_parameters_have_no_step(name, empty):
    rule = RULES[name]()

    def step(state):
        none = jnp.zeros(())
        extra = {"value": none, "grad": empty, "value_fn": lambda x: none}
        return rule.update(empty, state, empty, **extra)

    updates, _ = step(step(rule.init(empty))[1])
    chex.assert_trees_all_equal(updates, empty)


@every_rule
@pytest.mark.parametrize("unit", [1e-22, 1e-15, 1e-10, 1.0, 1e22])
def test_the_unit_of_the_loss_does_not_matter(name, unit):
    init, step = scaled_step(name)
    x = jnp.array([2.0, 1.0])
    state = init(x)
    for _ in range(12):
        updates, state = step(x, state, unit)
        x = optax.apply_updates(x, updates)
    np.testing.assert_allclose(x, 0, atol=1e-5)


@pytest.mark.parametrize("name", ["newton", "newton_cg"])
def test_second_derivatives_are_taken_at_the_highest_precision(name):
    def loss(x):
        return jnp.sum((jnp.ones((3, 2)) @ x) ** 2)

    def direction(x):
        rule = getattr(update_rules, f"scale_by_{name}")()
        return rule.update(jnp.ones(2), rule.init(x), x, value_fn=loss)[0]

    program = str(jax.make_jaxpr(direction)(jnp.ones(2)))
    products = program.count("dot_general[")
    assert program.count("precision=(Precision.HIGHEST, Pre") == products > 2
