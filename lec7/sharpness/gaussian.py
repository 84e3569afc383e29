"""The loss under Gaussian noise on the parameters."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from lec7 import arguments
from lec7.curvature import batch_means, floating
from lec7.sharpness import measure


def average_case(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    rho: float = 0.05,
    draws: int = 20,
) -> measure.Measure:
    """Measure how far the loss rises on average under Gaussian noise.

    S = E L(w + d) - L(w),  d ~ N(0, rho^2 I),

    the mean over `draws` pairs d and -d, which take the part that is odd in d out. To
    second order it is rho^2 tr(H) / 2. Here rho is the deviation of each coordinate,
    not the length of d, which is about rho sqrt(P).

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        is best bound by `jax.tree_util.Partial`: all calls then share a compilation.
      params: pytree of floating-point arrays, w.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the noise.
      rho: standard deviation of the noise, > 0.
      draws: pairs of them, at least 1.

    Returns:
      The measure; its standard error is over pairs. It costs 2 draws + 1 losses.

    Raises:
      ValueError: rho is not positive, draws is below 1, the loss at params is not
        finite, or the batches are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean(batch * params**2)
      >>> batches = [jnp.array([1.0, 3.0])]
      >>> key = jax.random.key(0)
      >>> smooth = average_case(loss_fn, jnp.array(0.0), batches, key=key, draws=2000)
      >>> bool(abs(smooth.value - 0.5 * 0.05**2 * 2) < 3 * smooth.standard_error)
      True

    References:
      Andriushchenko et al. 2023, arXiv:2302.07011, section 2.
    """
    frozen, base, losses = _noisy(loss_fn, params, batches, key, rho, draws)
    rises = losses.mean(axis=1) - base
    return measure.Measure(
        value=float(rises.mean()),
        standard_error=measure.standard_error(rises),
        settings=_settings(rho, draws, key, params, frozen),
        cost=measure.LOSS * (2 * draws + 1),
    )


def low_pass(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    rho: float = 0.01,
    draws: int = 20,
) -> measure.Measure:
    """Measure the loss after a Gaussian low-pass filter.

    S = E L(w + d),  d ~ N(0, rho^2 I),

    the mean over `draws` pairs d and -d. The paper has rho = 0.01 and 100 draws.

    Args:
      loss_fn: as for `average_case`.
      params: pytree of floating-point arrays, w.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the noise.
      rho: standard deviation of the noise in every coordinate, > 0.
      draws: pairs of them, at least 1.

    Returns:
      The measure; its standard error is over pairs. It costs 2 draws losses.

    Raises:
      ValueError: rho is not positive, draws is below 1, the loss at params is not
        finite, or the batches are empty.

    References:
      Bisla, Wang and Choromanska 2022, arXiv:2201.08025, definition 8.
    """
    frozen, _, losses = _noisy(loss_fn, params, batches, key, rho, draws)
    means = losses.mean(axis=1)
    return measure.Measure(
        value=float(means.mean()),
        standard_error=measure.standard_error(means),
        settings=_settings(rho, draws, key, params, frozen),
        cost=measure.LOSS * 2 * draws,
    )


def local_entropy(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    rho: float = 0.1,
    draws: int = 20,
) -> measure.Measure:
    """Measure the negative local entropy of a minimum.

    S = -log E exp(-L(w + d)),  d ~ N(0, rho^2 I).

    The paper's F = log int exp(-L(w') - gamma / 2 |w - w'|^2) dw', gamma = 1 / rho^2,
    is P/2 log(2 pi rho^2) - S: here without the volume, which all networks of a size
    share, and with the sign by which the sharper minimum is the higher one. The
    expectation is a mean over `draws` pairs d and -d. S is at most `low_pass` of the
    same draws, as it weighs low losses more.

    Args:
      loss_fn: as for `average_case`.
      params: pytree of floating-point arrays, w.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the noise.
      rho: standard deviation of the noise in every coordinate, > 0.
      draws: pairs of them, at least 1.

    Returns:
      The measure; its standard error is over pairs, to first order. It costs 2 draws
      losses.

    Raises:
      ValueError: rho is not positive, draws is below 1, the loss at params is not
        finite, or the batches are empty.

    References:
      Chaudhari et al. 2017, arXiv:1611.01838, section 3.
    """
    frozen, _, losses = _noisy(loss_fn, params, batches, key, rho, draws)
    lowest = losses.min()
    weights = np.exp(lowest - losses).mean(axis=1)
    return measure.Measure(
        value=float(lowest - np.log(weights.mean())),
        standard_error=measure.standard_error(weights) / float(weights.mean()),
        settings=_settings(rho, draws, key, params, frozen),
        cost=measure.LOSS * 2 * draws,
    )


def noisy_losses(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: tuple[chex.ArrayTree, ...],
    *,
    key: jax.Array,
    spread: chex.ArrayTree,
    draws: int,
) -> np.ndarray:
    """Return L(w + s z) and L(w - s z) for normal vectors z, float64 [draws, 2].

    The standard deviations s are a pytree like w, of at least float32, and so are the
    points; draw k is of the key with k folded in.
    """
    losses = [
        measure.value(loss_fn, _moved(params, spread, draw_key, sign), batches)
        for draw_key in jax.random.split(key, draws)
        for sign in (1.0, -1.0)
    ]
    return np.array(jax.device_get(losses), np.float64).reshape(draws, 2)


@jax.jit
def constant(params: chex.ArrayTree, rho: float) -> chex.ArrayTree:
    """Return a pytree like `params`, at least float32, whose entries are all rho."""
    return jax.tree.map(lambda leaf: jnp.full_like(leaf, rho), floating.widen(params))


def _noisy(
    loss_fn: Callable,
    params: Any,
    batches: Sequence,
    key: jax.Array,
    rho: float,
    draws: int,
) -> tuple[tuple, float, np.ndarray]:
    """Return the batches, the loss at the parameters, and losses around them."""
    arguments.require_positive(rho=rho)
    arguments.require_counts(draws=draws)
    frozen = batch_means.spread(batches)
    spread = constant(params, rho)
    base = measure.require_finite(measure.value(loss_fn, params, frozen))
    losses = noisy_losses(loss_fn, params, frozen, key=key, spread=spread, draws=draws)
    return frozen, base, losses


def _settings(
    rho: float, draws: int, key: jax.Array, params: Any, batches: tuple
) -> dict[str, Any]:
    own = {"rho": rho, "draws": draws, "antithetic": True}
    return own | measure.provenance(key, params, measure.examples(batches))


@jax.jit
def _moved(params: Any, spread: Any, key: jax.Array, sign: float) -> Any:
    noise = measure.normal_like(key, params)
    return jax.tree.map(lambda p, s, z: p + sign * s * z, params, spread, noise)
