"""What a measure of sharpness returns, and the gradients it is paid in."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from lec7 import arguments
from lec7.curvature import batch_means, floating

LOSS = 1 / 3  # gradients; the price of a loss alone
PRODUCT = 2.0  # gradients; the price of a product with the Hessian
_UNITS = (1.0, 2.0**80, 2.0**-80)
_LOST = 1e-26  # a mean square below it may lack the squares that are zero in float32


class Measure(NamedTuple):
    """A sharpness with its error, its settings and its price.

    Attributes:
      value: the sharpness.
      standard_error: of the value, from what the measure samples: 0 where it samples
        nothing, NaN where a single sample says nothing about the error.
      settings: all that the value depends on beside the loss, the parameters and the
        examples themselves; ready for JSON.
      cost: gradients of the mean loss over all examples that were spent; a loss alone
        counts as a third of one, a product with the Hessian as two.
      invariant: whether it is the same for the same function after `rescale_layers`.
    """

    value: float
    standard_error: float
    settings: Mapping[str, Any]
    cost: float
    invariant: bool = False


def value(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: tuple[chex.ArrayTree, ...],
) -> jax.Array:
    """Return the mean loss over all examples, a third of the price of a gradient."""
    return batch_means.mean(batch_means.scalar(loss_fn), batches, params)


def require_finite(loss: jax.Array) -> float:
    """Return the loss at the parameters.

    Raises:
      ValueError: it is not finite, and nothing that is measured there means anything.
    """
    loss = float(loss)
    arguments.require(np.isfinite(loss), "the loss at params", loss, "a finite number")
    return loss


def mean_squares(x: jax.Array) -> jax.Array:
    """Return the mean of x^2 in three units, for `in_range`, [3].

    One of them holds it, whatever the size of the entries is.
    """
    return jnp.stack([jnp.mean((unit * x) ** 2) for unit in _UNITS])


def in_range(squares: jax.Array) -> float:
    """Return a mean of squares by what `mean_squares` says of it."""
    found = np.asarray(squares, np.float64)
    usable = (found > _LOST) & np.isfinite(found)
    unit = int(np.argmax(usable))
    return float(found[unit]) / _UNITS[unit] ** 2


def value_and_gradient(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: tuple[chex.ArrayTree, ...],
) -> tuple[jax.Array, chex.ArrayTree]:
    """Return the mean loss over all examples and its gradient.

    A measure that climbs takes every loss from here, also where it needs no gradient:
    losses whose difference is the result are then rounded alike, and there is one
    compilation.
    """
    fn = jax.tree_util.Partial(loss_and_gradient, batch_means.as_partial(loss_fn))
    return batch_means.mean(fn, batches, params)


def examples(batches: Iterable[chex.ArrayTree]) -> int:
    """Return the number of examples of all batches, N; a stream has counted them."""
    known = getattr(batches, "sizes", None)
    return sum(known or map(batch_means.examples, batches))


def batch_of_one(example: chex.ArrayTree) -> chex.ArrayTree:
    """Return an example as a batch, by an axis in front of every leaf."""
    return jax.tree.map(lambda leaf: leaf[None], example)


@jax.jit
def normal_like(key: jax.Array, params: chex.ArrayTree) -> chex.ArrayTree:
    """Return independent standard normal numbers like `params`, at least float32."""
    flat, unravel = ravel_pytree(floating.widen(params))
    return unravel(jax.random.normal(key, flat.shape, flat.dtype))


def provenance(key: jax.Array, params: chex.ArrayTree, count: int) -> dict[str, Any]:
    """Return the settings that every measure has: key, dtype and examples."""
    return {
        "key": jax.random.key_data(key).tolist(),
        "dtype": str(jnp.result_type(*jax.tree.leaves(params))),
        "examples": count,
    }


def standard_error(samples: np.ndarray) -> float:
    """Return the standard error of a mean of samples [M], NaN for one."""
    if len(samples) < 2:
        return float("nan")
    return float(np.std(samples, ddof=1) / np.sqrt(len(samples)))


def loss_and_gradient(
    loss_fn: jax.tree_util.Partial, params: chex.ArrayTree, batch: chex.ArrayTree
) -> tuple[jax.Array, chex.ArrayTree]:
    """Return the loss on one batch and its gradient."""
    return jax.value_and_grad(loss_fn)(params, batch)
