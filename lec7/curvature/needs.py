"""What a curvature costs, told before it is measured."""

import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from lec7 import arguments
from lec7.curvature import (
    batch_means,
    density,
    eigen,
    estimates,
    operators,
    placement,
    traces,
)


class Plan(NamedTuple):
    """The price of a curvature, an estimate.

    Attributes:
      bytes: of the device of the parameters, beside them and the batches: the vectors
        that are held at once, and one product with a batch.
      products: with the operator, at most.
      passes: over the batches, at most.
      seconds: on one device, at most; NaN where nothing was timed.
    """

    bytes: int
    products: int
    passes: int
    seconds: float


def plan(
    function: Callable[..., Any],
    op: operators.Operator,
    *,
    timed: bool = False,
    **settings: Any,
) -> Plan:
    """Estimate what a function of this package will take, without calling it.

    The product with the first batch is compiled, which tells its memory, and with
    `timed` it is run twice.

    Args:
      function: `top_eigenpairs`, `trace`, `diagonal`, `frobenius_norm` or
        `spectral_density`.
      op: what it would be given.
      timed: whether to time a product.
      **settings: what else it would be given, by keyword.

    Returns:
      The plan.

    Raises:
      ValueError: the function is another one, or a setting is not one of its.

    Example:
      >>> import jax.numpy as jnp
      >>> from lec7.curvature import hessians
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2) / 2
      >>> op = hessians.hessian(loss_fn, jnp.ones(500), [jnp.ones((4, 500))])
      >>> found = plan(traces.trace, op, probes=12)
      >>> found.products, found.passes
      (12, 3)
    """
    known = {each.__name__: each for each in _COSTS}
    name = getattr(function, "__name__", str(function))
    arguments.require_one_of(known, function=name)
    given = _settings(function, settings)
    vectors, rounds = _COSTS[function](op, given)
    batch = placement.first(op.batches)
    program, seconds = measured(op.product, batch, op.params, op.params, timed=timed)
    width = operators.flat_dtype(op.params).itemsize * op.size
    passes = sum(-(-count // _at_once(op)) for count in rounds)
    share = _examples(op.batches) / batch_means.examples(batch)
    kept = operators.derivatives(op) if function in _LINEARISED else 0
    size, products = vectors * width + program + kept, sum(rounds)
    return Plan(int(size), products, passes, products * seconds * share)


def measured(fn: Any, batch: Any, *args: Any, timed: bool) -> tuple[int, float]:
    """Return the bytes that a mean over one batch takes, and its seconds or NaN."""
    inputs = (batch_means.as_partial(fn), 1.0, batch, *args)
    program = batch_means.compiled(*inputs)
    stats = program.memory_analysis()
    size = 0 if stats is None else stats.temp_size_in_bytes + stats.output_size_in_bytes
    if not timed:
        return size, float("nan")
    jax.block_until_ready(program(*inputs))
    start = time.perf_counter()
    jax.block_until_ready(program(*inputs))
    return size, time.perf_counter() - start


def _settings(function: Callable, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of a function with what is given in place of them.

    Raises:
      ValueError: it does not take one of them.
    """
    known = inspect.signature(function).parameters
    arguments.require(
        set(given) <= set(known), "settings", sorted(given), f"some of {sorted(known)}"
    )
    return {name: each.default for name, each in known.items()} | dict(given)


def _examples(batches: Any) -> int:
    return sum(getattr(batches, "sizes", ()) or map(batch_means.examples, batches))


def _at_once(op: operators.Operator) -> int:
    """Return how many products a pass over the batches is good for."""
    width = operators.flat_dtype(op.params).itemsize
    return placement.rows(op.size, width) if op.loops else 1


# Each returns the vectors held at the highest point, and products in rounds: those of
# one round may share a pass.
def _pairs(op: operators.Operator, given: dict) -> tuple[int, list[int]]:
    wanted = given["k"]
    arguments.require_counts(k=wanted)
    room = min(op.size, 2 * wanted + 20)
    return 2 * (room + 1), [1] * given["max_matvecs"] + [wanted]


def _trace(op: operators.Operator, given: dict) -> tuple[int, list[int]]:
    probes = given["probes"]
    if given["method"] == "hutchinson":
        return 3 * probes, [probes]
    rank = min(probes // 3, op.size)
    rest = probes - 2 * rank
    return max(4 * rank, rank + 3 * rest), [rank, rest, rank]


def _probes(held: int) -> Callable:
    return lambda op, given: (held * given["probes"], [given["probes"]])


def _density(op: operators.Operator, given: dict) -> tuple[int, list[int]]:
    probes, order = given["probes"], min(given["order"], op.size)
    itemsize = operators.flat_dtype(op.params).itemsize
    together = min(probes, placement.rows(order * op.size, itemsize))
    groups = np.diff([*range(0, probes, together), probes]).tolist()
    held = together * (order + 1) + probes + 3 * together
    return held, [group for group in groups for _ in range(order)]


_COSTS: dict[Callable, Callable] = {
    eigen.top_eigenpairs: _pairs,
    traces.trace: _trace,
    estimates.diagonal: _probes(4),
    estimates.frobenius_norm: _probes(3),
    density.spectral_density: _density,
}
_LINEARISED = (eigen.top_eigenpairs, density.spectral_density)
