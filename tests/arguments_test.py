"""One grammar for what is out of its range, and nothing is asked of a tracer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import arguments

NAN, INF = float("nan"), float("inf")
RULES = {
    arguments.require_positive: ([0.1, INF, 3], [0, -1.0, NAN, "a", None, True, 1j]),
    arguments.require_non_negative: ([0, 0.5, 3], [-1e-9, INF, NAN, "a", None, False]),
    arguments.require_fractions: ([0, 1, 0.5], [-1e-9, 1.1, NAN, "a", None, True]),
    arguments.require_decays: ([0, 0.999], [1, -0.1, NAN, "a", None, True, 0.5j]),
}
RANGES = [
    (rule, values[place], place == 0)
    for rule, values in RULES.items()
    for place in range(2)
]


@pytest.mark.parametrize(("require", "values", "good"), RANGES)
@pytest.mark.parametrize("kind", [lambda x: x, np.asarray, lambda x: [[x], [x]]])
def test_numbers_and_arrays_of_them_are_in_a_range_or_named(
    require, values, good, kind
):
    for value in map(kind, values):
        if good:
            require(rate=value)
        else:
            with pytest.raises(ValueError, match=r"^rate is .*; expected a .*number "):
                require(rate=value)


@pytest.mark.parametrize("require", RULES)
def test_a_traced_value_passes(require):
    def checked(rate):
        require(rate=rate)
        return rate

    assert jnp.isnan(jax.jit(checked)(jnp.nan))


@pytest.mark.parametrize("count", [0, -1, 1.0, 2**31, "1", None, True, np.float32(2)])
def test_what_is_no_count_is_named(count):
    with pytest.raises(ValueError, match="^steps is .*; expected an integer >= 1$"):
        arguments.require_counts(steps=count)


@pytest.mark.parametrize("count", [2, np.int32(2), 2**31 - 1])
def test_counts_are_integers_of_any_kind(count):
    arguments.require_counts(least=2, steps=count)


def test_the_first_wrong_one_of_several_is_named():
    with pytest.raises(ValueError, match="^b is 0; expected a number > 0$"):
        arguments.require_positive(a=1, b=0, c=-1)


def test_a_word_is_one_of_those_that_are_known():
    arguments.require_one_of({"l2": 1, "linf": 2}, norm="l2")
    with pytest.raises(ValueError, match="^norm is 'l1'; expected one of l2, linf$"):
        arguments.require_one_of({"l2": 1, "linf": 2}, norm="l1")


def test_an_array_as_injection_makes_it_names_the_remedy():
    with pytest.raises(ValueError, match="of Python: name it in static_args$"):
        arguments.require_counts(steps=jnp.array(2))
