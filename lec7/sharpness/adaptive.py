"""Sharpness in units of the parameters themselves.

With u = d / T, where T is the size of each parameter, a ball or a Gaussian in u is
stretched along large parameters. Rescaling layers as Dinh et al. do stretches T alike,
so these measures do not move.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import arguments
from lec7.curvature import batch_means, floating
from lec7.sharpness import ball, gaussian, measure


def adaptive_worst_case(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    rho: float = 0.5,
    norm: str = "l2",
    per: str = "element",
    eta: float = 0.0,
    steps: int = 10,
    starts: int = 1,
) -> measure.Measure:
    """Measure how far the loss rises within a ball in units of the parameters.

    S = max_{||d / T|| <= rho} L(w + d) - L(w), by projected ascent on u = d / T: from a
    random point of the ball's surface each ascent goes so far along the gradient that
    only the projection stops it,

      l2    u <- rho g / ||g||_2
      linf  u <- rho sign(g),     g = T grad L(w + T u),

    which maximises the linearisation over the ball, as in `sam_sharpness`. The highest
    loss counts. The start is random because at a minimum the gradient at w is zero.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        is best bound by `jax.tree_util.Partial`: all calls then share a compilation.
      params: pytree of floating-point arrays, w.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the starts.
      rho: radius of the ball, in units of the parameters; > 0.
      norm: "l2" or "linf", of u.
      per: T is |w| for "element"; for "filter" (last axis) or "layer" (leaf) it is the
        L2 norm of the part, and |w| for leaves of one axis under "filter".
      eta: added to T, >= 0; ASAM has 0.01. Above 0 the measure is not invariant.
      steps: points at which the loss is taken, a search; at least 1.
      starts: searches, of which the highest counts.

    Returns:
      The measure. Its standard error is that of the mean over the searches, NaN for
      one. It costs starts (steps + 1) gradients.

    Raises:
      ValueError: rho is not positive, eta is negative, norm or per is unknown, steps or
        starts is below 1, the loss at params is not finite, or the batches are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean(batch * params**2)
      >>> batches = [jnp.array([1.0, 3.0])]
      >>> key = jax.random.key(0)
      >>> w = jnp.array(2.0)
      >>> sharp = adaptive_worst_case(loss_fn, w, batches, key=key, rho=0.1)
      >>> round(sharp.value, 5)  # H w^2 (rho + rho^2 / 2)
      0.84

    References:
      Kwon et al. 2021, ASAM, arXiv:2102.11600, eq. 3 and definition 2.
      Andriushchenko et al. 2023, arXiv:2302.07011, section 2.
    """
    arguments.require_positive(rho=rho)
    arguments.require_counts(steps=steps, starts=starts)
    arguments.require_one_of(ball.ONTO, norm=norm)
    frozen = batch_means.spread(batches)
    scaled, origin = _in_own_units(loss_fn, params, per, eta)
    rises = [
        ball.rise(
            scaled,
            origin,
            frozen,
            rho=rho,
            steps=steps,
            norm=norm,
            direction=measure.normal_like(start_key, origin),
        )
        for start_key in jax.random.split(key, starts)
    ]
    samples = np.array(jax.device_get(rises), np.float64)
    settings = {"rho": rho, "norm": norm, "per": per, "eta": eta}
    settings |= {"steps": steps, "starts": starts}
    return measure.Measure(
        value=float(samples.max()),
        standard_error=measure.standard_error(samples),
        settings=settings | measure.provenance(key, params, measure.examples(frozen)),
        cost=float(starts * (steps + 1)),
        invariant=eta == 0,
    )


def adaptive_average_case(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    rho: float = 0.1,
    per: str = "element",
    eta: float = 0.0,
    draws: int = 20,
) -> measure.Measure:
    """Measure how far the loss rises on average under noise as large as parameters.

    S = E L(w + d) - L(w),  d ~ N(0, rho^2 T^2), to second order
    rho^2 / 2 sum_i T_i^2 H_ii.

    Args:
      loss_fn: as for `adaptive_worst_case`.
      params: pytree of floating-point arrays, w.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the noise.
      rho: standard deviation of the noise, in units of the parameters; > 0.
      per: what T is, as for `adaptive_worst_case`.
      eta: added to T, >= 0. Above 0 the measure is not invariant.
      draws: pairs of noise and its opposite, at least 1.

    Returns:
      The measure; its standard error is over pairs. It costs 2 draws + 1 losses.

    Raises:
      ValueError: rho is not positive, eta is negative, per is unknown, draws is below
        1, the loss at params is not finite, or the batches are empty.

    References:
      Andriushchenko et al. 2023, arXiv:2302.07011, section 2.
    """
    scaled, origin = _in_own_units(loss_fn, params, per, eta)
    found = gaussian.average_case(
        scaled, origin, batches, key=key, rho=rho, draws=draws
    )
    count = found.settings["examples"]
    settings = {**found.settings, **measure.provenance(key, params, count)}
    settings |= {"per": per, "eta": eta}
    return found._replace(settings=settings, invariant=eta == 0)


def _in_own_units(
    loss_fn: Callable, params: Any, per: str, eta: float
) -> tuple[jax.tree_util.Partial, Any]:
    """Return the loss as a function of u, and u = 0.

    Raises:
      ValueError: per is unknown, or eta negative.
    """
    arguments.require_one_of(_SIZES, per=per)
    arguments.require_non_negative(eta=eta)
    params = floating.widen(params)
    sizes, origin = _units(params, per, eta)
    scaled = jax.tree_util.Partial(
        _scaled, batch_means.as_partial(loss_fn), params, sizes
    )
    return scaled, origin


@functools.partial(jax.jit, static_argnums=1)
def _units(params: Any, per: str, eta: float) -> tuple[Any, Any]:
    sizes = jax.tree.map(lambda leaf: _SIZES[per](leaf) + eta, params)
    return sizes, optax.tree.zeros_like(params)


def _scaled(
    loss_fn: Callable, params: Any, sizes: Any, units: Any, batch: Any
) -> jax.Array:
    return loss_fn(jax.tree.map(lambda p, t, u: p + t * u, params, sizes, units), batch)


def _filter_sizes(leaf: jax.Array) -> jax.Array:
    if leaf.ndim < 2:
        return jnp.abs(leaf)
    axes = tuple(range(leaf.ndim - 1))
    scaled, power = floating.normalise(leaf, axis=axes)
    norms = power * jnp.sqrt(jnp.sum(scaled**2, axis=axes, keepdims=True))
    return jnp.broadcast_to(norms, leaf.shape)


def _layer_size(leaf: jax.Array) -> jax.Array:
    return jnp.full_like(leaf, floating.norm(leaf))


_SIZES = {"element": jnp.abs, "filter": _filter_sizes, "layer": _layer_size}
