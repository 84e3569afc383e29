"""How much noise on the parameters the loss bears."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import scipy

from lec7 import arguments
from lec7.curvature import batch_means, floating
from lec7.sharpness import gaussian, measure

_ENDS = {-20: float("inf"), 10: 0.0}  # log2 of the extreme sigmas -> value beyond
FLOOR = 1e-3  # deviation that the magnitude-aware noise has where a parameter is zero
PROBE = 1.1  # factor on sigma, to see how fast the rise grows there


def pac_bayes_sigma(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    rise: float = 0.1,
    magnitude_aware: bool = False,
    draws: int = 10,
    tolerance: float = 1e-3,
) -> measure.Measure:
    """Measure the noise under which the mean loss rises by a given amount.

    S = 1 / sigma^2,  where  E L(w + d) - L(w) = rise,  d ~ N(0, sigma^2 I),

    to second order tr(H) / (2 rise). The expectation is a mean over `draws` pairs d and
    -d, the same for every sigma, so the rise is a smooth function of sigma; sigma is
    bracketed by doubling or halving and then found by bisection, sped up by Brent's
    rule on the logarithms. Where the rise is not monotone it is a sigma at which it
    crosses. Published rules differ: some ask for a drop of the training accuracy, and
    one implementation draws noise whose deviation is sigma^2; here it is sigma.

    The magnitude-aware variant has d_i ~ N(0, sigma^2 w_i^2 + 0.001^2). It would be
    invariant but for the 0.001.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        is best bound by `jax.tree_util.Partial`: all calls then share a compilation.
      params: pytree of floating-point arrays, w.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the noise.
      rise: of the mean loss, in its unit; > 0.
      magnitude_aware: whether noise is as large as the parameters.
      draws: pairs of noise and its opposite, at least 1.
      tolerance: largest error of log2(sigma) for the given draws.

    Returns:
      The measure. Its standard error carries the error of the rise at sigma, over
      pairs, through the slope there. It is 0 where even sigma = 2^10 does not raise the
      loss that much, and infinite where sigma = 2^-20 raises it more. It costs some 8
      times 2 draws losses.

    Raises:
      ValueError: rise or tolerance is not positive, draws is below 1, the loss at
        params is not finite, or the batches are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean(batch * params**2)
      >>> batches = [jnp.array([1.0, 3.0])]
      >>> key = jax.random.key(0)
      >>> sharp = pac_bayes_sigma(loss_fn, jnp.array(0.0), batches, key=key, draws=900)
      >>> bool(abs(sharp.value - 2 / (2 * 0.1)) < 3 * sharp.standard_error)
      True

    References:
      Jiang et al. 2020, arXiv:1912.02178, section 4.3; Dziugaite et al. 2020,
      arXiv:2010.11924, appendix C.
    """
    arguments.require_positive(rise=rise, tolerance=tolerance)
    arguments.require_counts(draws=draws)
    frozen = batch_means.spread(batches)
    base = measure.require_finite(measure.value(loss_fn, params, frozen))

    @functools.cache
    def rises(sigma: float) -> np.ndarray:
        spread = (_proportional if magnitude_aware else gaussian.constant)(
            params, sigma
        )
        losses = gaussian.noisy_losses(
            loss_fn, params, frozen, key=key, spread=spread, draws=draws
        )
        return losses.mean(axis=1) - base

    exponent = _crossing(lambda sigma: float(rises(sigma).mean()) / rise, tolerance)
    sigma = 2.0**exponent
    error = 0.0 if exponent in _ENDS else _error(rises, sigma)
    settings = {"rise": rise, "magnitude_aware": magnitude_aware}
    settings |= {"draws": draws, "antithetic": True, "tolerance": tolerance}
    return measure.Measure(
        value=_ENDS.get(exponent, sigma**-2),
        standard_error=error,
        settings=settings | measure.provenance(key, params, measure.examples(frozen)),
        cost=measure.LOSS * (1 + 2 * draws * rises.cache_info().misses),
    )


def _crossing(share: Callable[[float], float], tolerance: float) -> float:
    """Return log2 of the sigma at which the share crosses 1, or the end before it."""

    def excess(exponent: float) -> float:
        # The share goes by the square of sigma, so its logarithm is nearly linear.
        found = np.nan_to_num(share(2.0**exponent), nan=np.inf)
        return float(np.log(np.clip(found, 1e-9, 1e9)))

    exponent = -6
    step = 1 if excess(exponent) < 0 else -1
    while excess(exponent) * step < 0:
        if exponent in _ENDS:
            return exponent
        exponent += step
    ends = sorted((exponent - step, exponent))
    return scipy.optimize.brentq(excess, *ends, xtol=tolerance)


def _error(rises: Callable[[float], np.ndarray], sigma: float) -> float:
    """Return the standard error of 1 / sigma^2."""
    here, beyond = rises(sigma), rises(PROBE * sigma)
    power = np.log(beyond.mean() / here.mean()) / np.log(PROBE)  # of sigma, near 2
    relative = measure.standard_error(here) / here.mean()
    return float(2 * relative / abs(power) * sigma**-2)


@jax.jit
def _proportional(params: Any, sigma: float) -> Any:
    wide = floating.widen(params)
    return jax.tree.map(lambda leaf: jnp.sqrt((sigma * leaf) ** 2 + FLOOR**2), wide)
