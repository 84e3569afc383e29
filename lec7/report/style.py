"""The house look of figures: colours all can tell apart, and type that carries."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from lec7.report import formats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# The palette of Okabe and Ito 2008, in the order in which groups are coloured.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, BLACK = "#CC79A7", "#E69F00", "#56B4E9", "#000000"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
WINE, OLIVE, TEAL = "#AA4499", "#999933", "#44AA99"
# What a group is about -> its colour in the whole project; the longest name decides.
RULES = {
    "SGD": BLUE,
    "momentum": VERMILLION,
    "Nesterov": GREEN,
    "AdaGrad": PURPLE,
    "RMSProp": ORANGE,
    "Adam": SKY,
    "almost Adam": BLACK,
    "gradient descent": BLUE,
    "heavy ball": VERMILLION,
    "Newton": BLACK,
    "Newton-CG": WINE,
    "BFGS": OLIVE,
    "L-BFGS": TEAL,
    "SAM": WINE,
    "ASAM": OLIVE,
    "GSAM": TEAL,
}
REGULARISERS = {
    "none": BLACK,
    "dropout": BLUE,
    "BatchNorm": VERMILLION,
    "L2": GREEN,
    "weight decay": GREEN,
    "BatchNorm + dropout": PURPLE,
    "DropConnect": ORANGE,
    "channel dropout": SKY,
    "fractional pooling": WINE,
    "stochastic depth": TEAL,
}
# Dark is low; readable without colour vision and in grey.
COLOUR_MAP = "viridis"
INK, FAINT = "#24292f", "#d0d7de"
# What these and the palette become on a dark page.
DARK = {
    INK: "#e6edf3",
    FAINT: "#30363d",
    "#ffffff": "#0d1117",
    BLACK: "#e6edf3",
    BLUE.lower(): "#4aa3df",
    VERMILLION.lower(): "#ff7b39",
    GREEN.lower(): "#2dc79b",
}

LOOK = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 15,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 16,
    "figure.constrained_layout.use": True,
    "font.size": 14,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 2.4,
    "savefig.dpi": 160,
    "svg.hashsalt": "lec7",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_house_look(draw: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return the function with matplotlib's defaults and `LOOK` in force inside it."""

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(LOOK)
            return draw(*args, **kwargs)

    return drawn


class Hue(NamedTuple):
    """How a group is coloured."""

    colour: str
    turn: int  # how many groups before it have the same colour
    place: int  # in the table of what it is about, or among the groups


def hues(groups: Iterable[str]) -> dict[str, Hue]:
    """Return group -> hue: that of the rule or regulariser whose name it begins with.

    Other groups take what is left of the palette, in its order.

    Example:
      >>> found = hues(["before", "Adam", "after", "Adam, late"])
      >>> [(hue.colour, hue.turn) for hue in found.values()]
      [('#0072B2', 0), ('#56B4E9', 0), ('#D55E00', 0), ('#56B4E9', 1)]
    """
    known = {**RULES, **REGULARISERS}
    about = {group: _subject(group) for group in groups}
    taken = {known[subject] for subject in about.values() if subject}
    left = [colour for colour in PALETTE if colour not in taken] or PALETTE
    turns, found, others = Counter(), {}, 0
    for place, (group, subject) in enumerate(about.items()):
        if subject:
            colour, place = known[subject], list(known).index(subject)
        else:
            colour, others = left[others % len(left)], others + 1
        found[group] = Hue(colour, turns[colour], place)
        turns[colour] += 1
    return found


def _subject(group: str) -> str | None:
    """Return the longest name in the tables that a group begins with, if any."""
    begun = [
        name
        for name in (*RULES, *REGULARISERS)
        if re.match(rf"{re.escape(name)}(?![\w-])", group, re.IGNORECASE)
    ]
    return max(begun, key=len, default=None)


def panels(
    rows: int = 1, columns: int = 1, *, width: float = 8.0, height: float = 4.8
) -> tuple["Figure", list["Axes"]]:
    """Return a figure of equal panels, sizes in inches, and its axes row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * width, rows * height))
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def tiles(count: int, *, size: float) -> tuple["Figure", list["Axes"]]:
    """Return a figure of square panels in rows of two or three, and as many axes."""
    columns = 2 if count in {2, 4} else min(count, 3)
    figure, axes = panels(math.ceil(count / columns), columns, width=size, height=size)
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]


def label_decades(axis: "Axis") -> None:
    """Label a logarithmic axis, whose limits are final, with plain numbers."""
    from matplotlib import ticker

    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    if decades > 2.5:
        axis.set_major_locator(ticker.LogLocator())
    elif decades > 0.7:
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    else:
        axis.set_major_locator(ticker.MaxNLocator(5, steps=(1, 2, 5, 10)))
    axis.set_major_formatter(lambda value, _: formats.format_tick(value))
    axis.set_minor_formatter(ticker.NullFormatter())
