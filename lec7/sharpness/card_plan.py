"""What a report card costs, told before it is taken."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import chex
import jax
import numpy as np

from lec7.curvature import batch_means, hessians, needs, placement
from lec7.sharpness import (
    adaptive,
    ball,
    box,
    card,
    fisher_rao,
    gaussian,
    gradient_noise_scale,
    hessian,
    measure,
    pac_bayes,
    relative_flatness,
)

HEADER = ("measure", "gradients", "at most", "GB", "seconds")
TYPICAL = 30  # products of a search for one eigenvalue
LINE = 2.5  # gradients of an iteration of L-BFGS-B
LINE_MOST = 20.0
TRIES = 8  # spreads that the search of PAC-Bayes looks at
TRIES_MOST = 60


class Planned(NamedTuple):
    """The price of a measure, an estimate.

    Attributes:
      name: of the measure.
      gradients: it typically costs, in the units of `Measure.cost`.
      most: of them.
      bytes: beside the parameters and the batches, of the device or, for "keskar", of
        the host.
      seconds: for the typical cost on one device; NaN where nothing was timed.
    """

    name: str
    gradients: float
    most: float
    bytes: int
    seconds: float


class CardPlan(list[Planned]):
    """The prices of the rows of a report card, shown as a table."""

    def __repr__(self) -> str:
        """Return the table as text, numbers flush right, with a sum."""
        whole = Planned(
            "in all",
            sum(row.gradients for row in self),
            sum(row.most for row in self),
            max((row.bytes for row in self), default=0),
            sum(row.seconds for row in self),
        )
        return card.text([HEADER, *map(_cells, [*self, whole])])


def _cells(row: Planned) -> tuple[str, ...]:
    title = card.TITLES.get(row.name, row.name)
    seconds = "–" if np.isnan(row.seconds) else f"{row.seconds:,.0f}"
    size = f"{row.bytes / 1e9:.3g}"
    return title, f"{row.gradients:,.0f}", f"{row.most:,.0f}", size, seconds


def plan_card(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    measures: Mapping[str, Callable[..., measure.Measure]]
    | Sequence[str]
    | None = None,
    timed: bool = False,
) -> CardPlan:
    """Estimate what `report_card` will take, without taking it.

    A gradient of the first batch and a product with its Hessian are compiled, which
    tells their memory, and with `timed` the gradient is run twice.

    Args:
      loss_fn: as for `report_card`.
      params: pytree of floating-point arrays.
      batches: as for `report_card`.
      measures: as for `report_card`; those of this package alone are planned.
      timed: whether to time a gradient.

    Returns:
      A row for each measure: a list that prints as a table.

    Raises:
      ValueError: a measure is none of this package, or as for `curvature.hessian`.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean(batch * params**2)
      >>> wanted = ("sam_sharpness", "hessian_trace")
      >>> rows = plan_card(loss_fn, jnp.ones(1), [jnp.ones(4)], measures=wanted)
      >>> [(row.name, row.gradients) for row in rows]
      [('sam_sharpness', 2.0), ('hessian_trace', 60.0)]
    """
    op = hessians.hessian(loss_fn, params, batches)
    batch = placement.first(op.batches)
    fn = jax.tree_util.Partial(
        measure.loss_and_gradient, batch_means.as_partial(loss_fn)
    )
    gradient, seconds = needs.measured(fn, batch, op.params, timed=timed)
    where = (op.product, batch, op.params, op.params)
    product, _ = needs.measured(*where, timed=False)
    one, width = batch_means.examples(batch), placement.nbytes(op.params)
    seconds *= measure.examples(op.batches) / one
    rows = CardPlan()
    for name, take in card.chosen(measures).items():
        cost = _cost(name, take, one)
        size = cost.vectors * width + (product if cost.multiplies else gradient)
        price = cost.typical * seconds
        rows.append(Planned(name, cost.typical, cost.most, int(size), price))
    return rows


class _Cost(NamedTuple):
    typical: float  # gradients
    most: float
    vectors: float  # of the size of the parameters, held at once
    multiplies: bool = False  # by the Hessian


def _cost(name: str, take: Callable, examples: int) -> _Cost:
    """Return the cost of a measure on batches of so many examples.

    Raises:
      ValueError: the measure is not of this package.
    """
    given: dict[str, Any] = {}
    while isinstance(take, functools.partial):
        given = take.keywords | given
        take = take.func
    if take not in _COSTS:
        raise ValueError(
            f"measure {name!r} is {take!r}; expected one of this package, whose costs "
            "are known: plan the others by their own"
        )
    known = inspect.signature(take).parameters
    defaults = {key: each.default for key, each in known.items()}
    return _COSTS[take](defaults | given, examples)


def _exactly(gradients: float, vectors: float, multiplies: bool = False) -> _Cost:
    return _Cost(gradients, gradients, vectors, multiplies)


def _keskar(given: dict, examples: int) -> _Cost:
    del examples
    searches = given["starts"] * given["iterations"]
    held = box.SEARCH / 4 + 2 * (given["subspace"] or 0)
    return _Cost(1 + LINE * searches, 1 + LINE_MOST * searches, held)


def _pac_bayes(given: dict, examples: int) -> _Cost:
    del examples
    each = 2 * given["draws"] * measure.LOSS
    return _Cost(TRIES * each, TRIES_MOST * each, 4)


def _top(given: dict, examples: int) -> _Cost:
    del examples
    most = measure.PRODUCT * (given["max_matvecs"] + 1)
    return _Cost(min(most, measure.PRODUCT * (TYPICAL + 1)), most, 2 * 23, True)


def _trace(given: dict, examples: int) -> _Cost:
    del examples
    probes = given["probes"]
    held = 3 * probes if given["method"] == "hutchinson" else 4 * -(-probes // 3)
    return _exactly(measure.PRODUCT * probes, held, True)


_COSTS: dict[Callable, Callable[[dict, int], _Cost]] = {
    box.keskar: _keskar,
    ball.sam_sharpness: lambda given, _: _exactly(given["steps"] + 1.0, 4),
    gaussian.average_case: lambda given, _: _exactly(
        measure.LOSS * (2 * given["draws"] + 1), 4
    ),
    gaussian.low_pass: lambda given, _: _exactly(measure.LOSS * 2 * given["draws"], 4),
    gaussian.local_entropy: lambda given, _: _exactly(
        measure.LOSS * 2 * given["draws"], 4
    ),
    adaptive.adaptive_worst_case: lambda given, _: _exactly(
        given["starts"] * (given["steps"] + 1.0), 6
    ),
    adaptive.adaptive_average_case: lambda given, _: _exactly(
        measure.LOSS * (2 * given["draws"] + 1), 6
    ),
    hessian.hessian_max: _top,
    hessian.hessian_trace: _trace,
    hessian.frobenius: lambda given, _: _exactly(
        measure.PRODUCT * given["probes"], 3 * given["probes"], True
    ),
    fisher_rao.fisher_rao: lambda given, _: _exactly(2 * measure.LOSS, 1),
    relative_flatness.relative_flatness: lambda given, _: _exactly(
        measure.PRODUCT * given["probes"], 4, True
    ),
    pac_bayes.pac_bayes_sigma: _pac_bayes,
    gradient_noise_scale.gradient_noise_scale: lambda _, examples: _exactly(
        1.0, 2.0 * examples + 3
    ),
}
