"""FLOPs of the matrix products and convolutions of a program, before XLA sees it.

A product of [B, D] and [D, K] has 2 B D K, a convolution 2 for each output, tap of the
kernel and input channel, padding included. They are counted in what JAX has traced, so
that an error of XLA's own count, or of ours, shows.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any


def products(program: Any) -> int:
    """Return the FLOPs of a jaxpr's products and convolutions.

    The body of a `scan` counts as often as it runs, that of a `while` once, as nothing
    tells how often; of a `cond`, all branches count.

    Args:
      program: a jaxpr, such as `jax.make_jaxpr(f)(x).jaxpr`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> products(jax.make_jaxpr(jnp.matmul)(jnp.ones((2, 3)), jnp.ones((3, 5))).jaxpr)
      60
    """
    total = 0
    for equation in program.eqns:
        name = equation.primitive.name
        if name in ("dot_general", "conv_general_dilated"):
            outputs = math.prod(equation.outvars[0].aval.shape)
            total += 2 * outputs * _terms(name, equation)
        times = equation.params["length"] if name == "scan" else 1
        total += times * sum(map(products, _inside(equation.params)))
    return total


def _terms(name: str, equation: Any) -> int:
    """Return how many products each output sums."""
    left, right = (variable.aval.shape for variable in equation.invars)
    dimensions = equation.params["dimension_numbers"]
    if name == "dot_general":
        (contracted, _), _ = dimensions
        return math.prod(left[axis] for axis in contracted)
    return math.prod(right) // right[dimensions.rhs_spec[0]]


def _inside(params: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the programs that an equation runs."""
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            program = getattr(item, "jaxpr", item)
            if hasattr(program, "eqns"):
                yield program
