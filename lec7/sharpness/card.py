"""The report card: all measures of one minimum."""

import functools
import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import chex
import jax

from lec7.curvature import batch_means
from lec7.sharpness import (
    adaptive,
    ball,
    box,
    fisher_rao,
    gaussian,
    gradient_noise_scale,
    hessian,
    measure,
    pac_bayes,
    relative_flatness,
)

MEASURES: Mapping[str, Callable[..., measure.Measure]] = MappingProxyType(
    {
        "keskar": box.keskar,
        "sam_sharpness": ball.sam_sharpness,
        "m_sharpness": functools.partial(ball.sam_sharpness, m=16),
        "average_case": gaussian.average_case,
        "adaptive_worst_case": adaptive.adaptive_worst_case,
        "adaptive_worst_case_linf": functools.partial(
            adaptive.adaptive_worst_case, norm="linf", rho=0.01
        ),
        "adaptive_average_case": adaptive.adaptive_average_case,
        "hessian_max": hessian.hessian_max,
        "hessian_trace": hessian.hessian_trace,
        "frobenius": hessian.frobenius,
        "fisher_rao": fisher_rao.fisher_rao,
        "relative_flatness": relative_flatness.relative_flatness,
        "pac_bayes_sigma": pac_bayes.pac_bayes_sigma,
        "local_entropy": gaussian.local_entropy,
        "low_pass": gaussian.low_pass,
        "gradient_noise_scale": gradient_noise_scale.gradient_noise_scale,
    }
)
"""Name -> measure, what a report card holds unless it is told otherwise."""

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "keskar": "Keskar sharpness (%)",
        "sam_sharpness": "SAM sharpness (nats)",
        "m_sharpness": "m-sharpness, m = 16 (nats)",
        "average_case": "average case (nats)",
        "adaptive_worst_case": "adaptive worst case, L2 (nats)",
        "adaptive_worst_case_linf": "adaptive worst case, L∞ (nats)",
        "adaptive_average_case": "adaptive average case (nats)",
        "hessian_max": "top eigenvalue of the Hessian",
        "hessian_trace": "trace of the Hessian",
        "frobenius": "Frobenius norm of the Hessian",
        "fisher_rao": "Fisher-Rao norm, squared",
        "relative_flatness": "relative flatness, head",
        "pac_bayes_sigma": "PAC-Bayes 1/σ²",
        "local_entropy": "negative local entropy (nats)",
        "low_pass": "low-pass filtered loss (nats)",
        "gradient_noise_scale": "gradient noise scale (examples)",
    }
)
"""Name -> what tables and figures call the measure, with its unit."""


class Row(NamedTuple):
    """A line of a report card: the name of a measure, and the fields of its result."""

    name: str
    value: float
    standard_error: float
    settings: Mapping[str, Any]
    cost: float
    invariant: bool

    @property
    def title(self) -> str:
        """What tables and figures call the measure, with its unit."""
        return TITLES.get(self.name, self.name)


HEADER = ("measure", "value", "standard error", "survives rescaling", "gradients")


class Card(list[Row]):
    """The rows of a report card, shown as a table, in notebooks too.

    Example:
      >>> print(Card([Row("keskar", 0.25, 0.0, {}, 400.0, False)]))
      measure               value  standard error  survives rescaling  gradients
      Keskar sharpness (%)   0.25               0                  no        400
    """

    def __repr__(self) -> str:
        """Return the table as text, numbers flush right."""
        return text([HEADER, *map(_cells, self)])

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        head, *body = (
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
            for tag, row in [("th", HEADER), *(("td", _cells(row)) for row in self)]
        )
        rows = "".join(f"<tr>{row}</tr>" for row in body)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def text(table: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines, all columns but the first flush right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    )


def _cells(row: Row) -> tuple[str, ...]:
    """Return what the table shows of a row; where a measure failed, the reason."""
    if failed := row.settings.get("failed"):
        return (f"{row.title}: {failed}", *["–"] * (len(HEADER) - 1))
    numbers = (f"{number:.4g}" for number in (row.value, row.standard_error, row.cost))
    value, error, cost = ("–" if text == "nan" else text for text in numbers)
    return row.title, value, error, "yes" if row.invariant else "no", cost


def report_card(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    measures: Mapping[str, Callable[..., measure.Measure]]
    | Sequence[str]
    | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Card:
    """Take every measure of sharpness of one minimum.

    Each is given the same key, so a row holds what the measure returns alone. A measure
    that fails, on parameters without a kernel or out of memory, is a row with NaN and
    the reason in its settings, and the others are kept.

    Args:
      loss_fn: params, batch -> mean loss over the batch, also over a batch of one. What
        changes from call to call (batch statistics, say) is best bound as a leading
        argument by `jax.tree_util.Partial(loss_fn, ...)`: all networks of one
        architecture then share the compilations.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis; in all 16
        examples or more, for m-sharpness.
      key: typed PRNG key.
      measures: names of `MEASURES`, or name -> function of the arguments above, of
        which `functools.partial` sets radii and budgets. None for all, `MEASURES`.
      devices: take turns at the batches, those of all hosts where every host makes the
        same call; None for every accelerator of this host, or the default device of a
        CPU. Arrays that are already on devices stay there unless this is given.

    Returns:
      A row for each measure, in their order: a list that prints as a table, and that
      `report.plot_card` draws. Of one that failed, `settings` is {"failed": the
      reason}.

    Raises:
      ValueError: a measure is unknown, the batches are empty, or the loss is not a
        scalar.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean(batch * params**2)
      >>> wanted = ("hessian_max", "adaptive_average_case", "fisher_rao")
      >>> rows = report_card(
      ...     loss_fn,
      ...     jnp.array(2.0),
      ...     [jnp.array([1.0, 3.0])],
      ...     key=jax.random.key(0),
      ...     measures=wanted,
      ... )
      >>> [(row.name, row.invariant) for row in rows]
      [('hessian_max', False), ('adaptive_average_case', True), ('fisher_rao', True)]
    """
    frozen = batch_means.spread(batches, devices)
    measures = chosen(measures)
    measure.value(loss_fn, params, frozen)  # or its own error would fill every row
    return Card(
        Row(name, *_attempt(functools.partial(take, loss_fn, params, frozen, key=key)))
        for name, take in measures.items()
    )


def chosen(
    measures: Mapping[str, Callable[..., measure.Measure]] | Sequence[str] | None,
) -> Mapping[str, Callable[..., measure.Measure]]:
    """Return name -> measure of what `report_card` is asked for.

    Raises:
      ValueError: a name is unknown.
    """
    if measures is None:
        return MEASURES
    if isinstance(measures, Mapping):
        return measures
    for name in measures:
        if name not in MEASURES:
            raise ValueError(
                f"measures has {name!r}; expected names of sharpness.MEASURES: "
                f"{', '.join(MEASURES)}; or name -> function"
            )
    return {name: MEASURES[name] for name in measures}


def _attempt(take: Callable[[], measure.Measure]) -> measure.Measure:
    """Return a measure, or why there is none."""
    try:
        return take()
    except Exception as error:
        nan = float("nan")
        known = isinstance(error, ValueError)  # whose message is for a user
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        return measure.Measure(nan, nan, {"failed": reason}, nan)
