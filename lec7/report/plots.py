"""A picture that one call makes, and that of a report card."""

import dataclasses
import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lec7.report import forests, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Plot:
    """A figure, shown in a notebook as it is, and the numbers it was drawn from.

    Attributes:
      figure: matplotlib's; titles and limits of its `axes` may be changed.
      numbers: arrays by name.
    """

    figure: "Figure"
    numbers: Mapping[str, np.ndarray] = dataclasses.field(repr=False)

    @style.in_house_look
    def save(self, path: str | os.PathLike) -> None:
        """Write the figure in the format that the name ends with: .png, .svg, .pdf."""
        self.figure.savefig(path)

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        style.in_house_look(self.figure.savefig)(picture, format="png", dpi=80)
        return picture.getvalue()


def plot_card(cards: "Mapping[str, Sequence[Any]] | Sequence[Any]") -> Plot:
    """Draw a report card of `sharpness.report_card`, or several side by side.

    Args:
      cards: a card, or name -> card of networks that are compared, all of the same
        measures.

    Returns:
      The figure, on a log scale, with two standard errors to either side; bold is what
      a rescaling of the layers leaves alone. The numbers are `value` and
      `standard_error` [networks, measures].

    Raises:
      ValueError: the cards are of different measures, or there is none.

    Example:
      >>> from lec7 import sharpness
      >>> row = sharpness.Row("hessian_max", 3.0, 0.0, {}, 8.0, False)
      >>> plot_card({"SGD": [row], "SAM": [row]}).numbers["value"].tolist()
      [[3.0], [3.0]]
    """
    cards = dict(cards) if isinstance(cards, Mapping) else {"": cards}
    names = [[row.name for row in card] for card in cards.values()]
    if not names or not names[0] or names.count(names[0]) != len(names):
        raise ValueError(f"cards hold the measures {names}; expected the same in each")
    first = next(iter(cards.values()))
    figure = forests.Forest(
        "card",
        [row.title for row in first],
        {
            name: [(row.value, row.standard_error) for row in card]
            for name, card in cards.items()
        },
        "value, in the unit of each measure",
        caption="",
        log=True,
        bold=[row.title for row in first if row.invariant],
        ends=_two_errors,
    ).draw()
    numbers = {
        field: np.array([[getattr(row, field) for row in of] for of in cards.values()])
        for field in ("value", "standard_error")
    }
    return Plot(figure, numbers)


def _two_errors(row: tuple[float, float]) -> forests.Ends:
    """Return the ends of an interval, the value itself where its error is unknown."""
    value, error = row[0], np.nan_to_num(2 * row[1])
    low = value - error
    return (low if low > 0 else value), value, value + error
