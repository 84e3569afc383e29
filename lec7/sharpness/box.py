"""The worst loss in a box around the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jax.flatten_util import ravel_pytree

from lec7 import arguments, memory
from lec7.curvature import batch_means, floating
from lec7.sharpness import measure

SEARCH = 380  # bytes for each parameter of L-BFGS-B, its bounds and its copies
STEEPNESS = 1e8  # the loss is multiplied by this for the search alone


def keskar(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    epsilon: float = 1e-3,
    subspace: int | None = None,
    iterations: int = 10,
    starts: int = 1,
) -> measure.Measure:
    """Measure the relative rise of the loss, in percent, to the worst point of a box.

    phi = 100 (max_{z in C} f(x + A z) - f(x)) / (1 + f(x)),
    C = {z: |z_i| <= epsilon (|(A^+ x)_i| + 1)}.

    A is the identity, or [P, subspace] with random orthonormal columns (Gaussian, then
    QR): the paper leaves their law and length open, and phi depends on both. The
    maximum is sought by `iterations` of L-BFGS-B, so phi is a lower bound of it: the
    highest loss evaluated, x itself included. Where we differ from what a plain call
    would do:

    - a search starts uniformly at random in the box, for at a minimum the gradient at x
      is zero and L-BFGS-B would stay;
    - its tolerances are zero: a small gradient or a slow rise does not end it;
    - the search sees a multiple of the loss, whose gradient is longer than the box. The
      first steps of L-BFGS-B are as long as the gradient, and at a flat minimum ten of
      them may not reach the walls: phi came out 5 % short there.

    Args:
      loss_fn: params, batch -> mean loss over the batch, above -1. What changes from
        call to call is best bound by `jax.tree_util.Partial`: all calls then share a
        compilation.
      params: pytree of floating-point arrays, x.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for A and the starts.
      epsilon: size of the box, > 0; the paper has 1e-3 and 5e-4.
      subspace: columns of A, at most P; the paper has 100. None for the full space.
      iterations: of L-BFGS-B, a search.
      starts: searches, of which the highest counts. More can only raise the value.

    Returns:
      The measure, in percent. Its standard error is that of the mean over the searches,
      NaN for one: it says how much the start matters. It costs one gradient, and a
      search of 10 iterations 11 or, with a hard line search, some 30 more.

    Raises:
      ValueError: epsilon is not positive, subspace is not between 1 and P, iterations
        or starts is below 1, the loss at x is not finite and above -1, or the batches
        are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean(batch * params**2)
      >>> batches = [jnp.array([1.0, 3.0])]
      >>> key = jax.random.key(0)
      >>> sharp = keskar(loss_fn, jnp.array(0.0), batches, key=key, epsilon=0.1)
      >>> round(sharp.value, 5)  # 50 H epsilon^2
      1.0

    References:
      Keskar et al. 2017, arXiv:1609.04836, metric 2.1 and section 2.2.2.
    """
    flat, unravel = ravel_pytree(floating.widen(params))
    _check(flat.size, epsilon, subspace, iterations, starts)
    memory.require_host(SEARCH * flat.size, f"a search over {flat.size:,} parameters")
    frozen = batch_means.spread(batches)
    centre = np.asarray(flat, np.float64)
    basis = _basis(key, flat.size, subspace)
    radius = epsilon * (np.abs(basis.T @ centre) + 1)

    def objective(z: np.ndarray) -> tuple[float, np.ndarray]:
        point = unravel(jnp.asarray(centre + basis @ z, flat.dtype))
        loss, gradient = measure.value_and_gradient(loss_fn, point, frozen)
        return float(loss), basis.T @ np.asarray(ravel_pytree(gradient)[0], np.float64)

    base, _ = objective(np.zeros_like(radius))
    arguments.require(
        -1 < base < np.inf, "the loss at params", base, "a finite number above -1"
    )
    searches = [
        _search(objective, _start(key, index, radius), radius, iterations)
        for index in range(starts)
    ]
    highest = np.array([np.max([base, *losses]) for losses in searches])
    phis = 100 * (highest - base) / (1 + base)
    settings = {
        "epsilon": epsilon,
        "subspace": subspace,
        "maximiser": "L-BFGS-B",
        "iterations": iterations,
        "start": "uniform in the box",
        "starts": starts,
    }
    return measure.Measure(
        value=float(phis.max()),
        standard_error=measure.standard_error(phis),
        settings=settings | measure.provenance(key, params, measure.examples(frozen)),
        cost=float(1 + sum(map(len, searches))),
    )


def _check(
    size: int, epsilon: float, subspace: int | None, iterations: int, starts: int
) -> None:
    arguments.require_positive(epsilon=epsilon)
    arguments.require_counts(iterations=iterations, starts=starts)
    if subspace is not None:
        arguments.require(
            1 <= subspace <= size, "subspace", subspace, f"1 to {size}, the parameters"
        )


def _basis(
    key: jax.Array, size: int, subspace: int | None
) -> np.ndarray | scipy.sparse.sparray:
    if subspace is None:
        return scipy.sparse.eye_array(size)
    noise = jax.random.normal(jax.random.fold_in(key, 0), (size, subspace))
    return np.linalg.qr(np.asarray(noise, np.float64)).Q


def _start(key: jax.Array, index: int, radius: np.ndarray) -> np.ndarray:
    search_key = jax.random.fold_in(key, 1 + index)
    share = jax.random.uniform(search_key, radius.shape, minval=-1.0, maxval=1.0)
    return radius * np.asarray(share, np.float64)


def _search(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    radius: np.ndarray,
    iterations: int,
) -> list[float]:
    losses = []

    def descend(z: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = objective(z)
        losses.append(loss)
        return -STEEPNESS * loss, -STEEPNESS * gradient

    # Not `minimize`, which takes longer to translate the bounds than to search.
    ends = list(zip((-radius).tolist(), radius.tolist(), strict=True))
    scipy.optimize.fmin_l_bfgs_b(
        descend, start, bounds=ends, maxiter=iterations, pgtol=0, factr=0
    )
    return losses
