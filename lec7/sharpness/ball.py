"""The worst loss in a ball around the parameters."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import arguments
from lec7.curvature import batch_means, floating, placement
from lec7.sharpness import measure


def sam_sharpness(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    rho: float = 0.05,
    steps: int = 1,
    m: int | None = None,
) -> measure.Measure:
    """Measure how far the loss rises within a ball around the parameters.

    S(L) = max_{||e|| <= rho} L(w + e) - L(w), by `steps` ascents onto the sphere

        e <- rho g / ||g||,   g = grad L(w + e),   from e = 0,

    of which the highest counts. One step is the first-order rise that SAM trains
    against. Each further step maximises the linearisation at the last point over the
    ball; on a convex loss it never descends. Where g is exactly zero, so is e.

    With `m`, m-sharpness: the mean of S(L_b) over disjoint sub-batches b of m examples.
    `key` shuffles the examples once, and those that fill no sub-batch are left out. A
    stream, which is not held whole, is shuffled and divided batch by batch.
    To first order it grows as m falls, from rho ||mean g|| to rho mean ||g||.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        is best bound by `jax.tree_util.Partial`: all calls then share a compilation.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the shuffle; without `m` nothing is random.
      rho: radius of the ball, L2 distance in parameter space; > 0.
      steps: ascents, at least 1.
      m: examples in a sub-batch; None for the loss over all examples.

    Returns:
      The measure; its standard error is over sub-batches, 0 without `m`. It costs
      `steps` + 1 gradients.

    Raises:
      ValueError: rho is not positive, steps is below 1, m is not between 1 and the
        number of examples, the loss at params is not finite, the batches are empty, or
        with `m` they are on several hosts, or a stream has none of m examples.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean((batch - params) ** 2)
      >>> batches = [jnp.array([1.0, 3.0])]
      >>> key = jax.random.key(0)
      >>> round(sam_sharpness(loss_fn, jnp.array(0.0), batches, key=key).value, 5)
      0.10125

    References:
      Foret et al. 2021, arXiv:2010.01412, eq. 2 and section 4.2 (m-sharpness).
    """
    arguments.require_positive(rho=rho)
    arguments.require_counts(steps=steps)
    frozen = batch_means.spread(batches)
    count = measure.examples(frozen)
    if m is not None:
        _require_m(m, count, frozen)
    groups = [frozen] if m is None else _sub_batches(key, frozen, m)
    rises = [rise(loss_fn, params, group, rho=rho, steps=steps) for group in groups]
    samples = np.array(jax.device_get(rises), np.float64)
    used = count if m is None else len(samples) * m
    settings = {"rho": rho, "steps": steps, "m": m}
    return measure.Measure(
        value=float(samples.mean()),
        standard_error=0.0 if m is None else measure.standard_error(samples),
        settings=settings | measure.provenance(key, params, used),
        cost=(steps + 1) * used / count,
    )


def _require_m(m: int, count: int, batches: Iterable) -> None:
    if placement.is_shared(batches):
        raise ValueError(
            f"m is {m}, and the examples, which it shuffles, are on several hosts; "
            "expected m=None there, or the examples on the devices of one"
        )
    largest = max(getattr(batches, "sizes", (count,)))
    arguments.require(1 <= m <= largest, "m", m, f"1 to {largest}, the examples")


def rise(
    loss_fn: Callable[[Any, Any], jax.Array],
    centre: chex.ArrayTree,
    batches: tuple[chex.ArrayTree, ...],
    *,
    rho: float,
    steps: int,
    norm: str = "l2",
    direction: chex.ArrayTree | None = None,
) -> jax.Array:
    """Return how far the loss rises from the centre of a ball, by ascents.

    The first point is in a given direction, by default that of the gradient. Of `steps`
    points of the surface the highest loss counts, after `steps` + 1 gradients. They are
    of at least float32, in which the centre is not all that is near it.

    Raises:
      ValueError: the loss at the centre is not finite.
    """
    centre = floating.widen(centre)
    start, gradient = measure.value_and_gradient(loss_fn, centre, batches)
    measure.require_finite(start)
    direction = gradient if direction is None else direction
    highest = -jnp.inf
    for _ in range(steps):
        point = ONTO[norm](centre, direction, rho)
        loss, direction = measure.value_and_gradient(loss_fn, point, batches)
        highest = jnp.maximum(highest, loss)
    return highest - start


@jax.jit
def _onto_sphere(params: Any, gradient: Any, rho: float) -> Any:
    # Divided by its largest entry first, the square of a tiny gradient is not zero.
    largest = optax.tree.norm(gradient, ord=jnp.inf)
    divisor = jnp.where(largest > 0, largest, 1)
    scaled = jax.tree.map(lambda leaf: leaf / divisor, gradient)
    length = jnp.maximum(optax.tree.norm(scaled), 1)
    return optax.tree.add_scale(params, rho / length, scaled)


@jax.jit
def _onto_cube(params: Any, gradient: Any, rho: float) -> Any:
    return optax.tree.add_scale(params, rho, jax.tree.map(jnp.sign, gradient))


ONTO = {"l2": _onto_sphere, "linf": _onto_cube}
"""Norm -> the point of its ball that is farthest along a direction."""


def _sub_batches(key: jax.Array, batches: Iterable, m: int) -> Iterator[tuple]:
    if isinstance(batches, placement.Stream):
        for index, examples in enumerate(batches):
            yield from _divided(jax.random.fold_in(key, index), examples, m)
    else:
        yield from _divided(key, _joined(batches), m)


def _joined(batches: tuple) -> chex.ArrayTree:
    """Return all examples as one batch, by way of the host from several devices."""
    devices = set(map(placement.device_of, batches))
    join = jnp.concatenate if len(devices) == 1 else _joined_on_host
    return jax.tree.map(lambda *leaves: join(leaves), *batches)


def _joined_on_host(leaves: Sequence[jax.Array]) -> jax.Array:
    return jnp.asarray(np.concatenate(jax.device_get(leaves)))


def _divided(key: jax.Array, examples: chex.ArrayTree, m: int) -> Iterator[tuple]:
    count = batch_means.examples(examples)
    order = np.asarray(jax.random.permutation(key, count))
    for start in range(0, count - m + 1, m):
        yield (_take(examples, order[start : start + m]),)


@jax.jit
def _take(examples: Any, rows: jax.Array) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], examples)
