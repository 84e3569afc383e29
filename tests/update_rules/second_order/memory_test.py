"""Newton and BFGS hold P^2 numbers; what approximates them holds some P."""

import jax
import jax.numpy as jnp
import pytest

from lec7 import update_rules


def loss(x):
    return jnp.sum(jnp.cosh(x))


def shapes_inside(rule, size):
    """The types of every array that an update computes, as text."""
    x = jnp.ones(size)

    def update(x, grad):
        return rule.update(
            grad, rule.init(x), x, value=loss(x), grad=grad, value_fn=loss
        )

    return str(jax.make_jaxpr(update)(x, x))


@pytest.mark.parametrize(
    ("make", "square"),
    [
        (update_rules.newton, True),
        (update_rules.bfgs, True),
        (update_rules.newton_cg, False),
        (update_rules.lbfgs, False),
    ],
)
def test_a_matrix_of_all_pairs_of_parameters_is_formed_by_some_rules_alone(
    make, square
):
    assert ("[37,37]" in shapes_inside(make(), 37)) == square


@pytest.mark.parametrize("size", (3, 37))
def test_the_memory_of_bfgs_is_square_and_that_of_lbfgs_linear(size):
    def held(rule):
        return sum(leaf.size for leaf in jax.tree.leaves(rule.init(jnp.ones(size))))

    assert held(update_rules.bfgs()) >= size**2
    short, long = (held(update_rules.lbfgs(memory_size=m)) for m in (4, 10))
    # A pair is two vectors and a weight.
    assert long - short == 6 * (2 * size + 1)
