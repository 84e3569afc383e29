"""Figures of loss surfaces: contours and reliefs, all groups on one scale of loss."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, formats, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Digits of the levels within a decade, from coarse to fine.
_SERIES = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 5, 7),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
)
_MOST_LEVELS = 14


@dataclasses.dataclass(frozen=True, kw_only=True)
class Landscape:
    """The loss on one plane, or on one plane for each group.

    Attributes:
      x: [A] coordinates along the first direction.
      y: [B] coordinates along the second direction.
      losses: name of a group -> [A, B], the minimum at the origin. What is not positive
        and finite is left blank.
      x_label: of the first direction, with its unit.
      y_label: of the second direction, with its unit.
      loss_label: of the loss, with its unit.
    """

    x: ArrayLike
    y: ArrayLike
    losses: Mapping[str, ArrayLike]
    x_label: str = "direction 1"
    y_label: str = "direction 2"
    loss_label: str = "loss (nats)"

    def __post_init__(self):
        """Refuse surfaces that do not lie on the grid.

        Raises:
          ValueError: if a surface is not [A, B], or holds no positive finite loss.
        """
        grid = (np.size(self.x), np.size(self.y))
        for name, loss in self.losses.items():
            if np.shape(loss) != grid:
                raise ValueError(
                    f"the surface of {name!r} has shape {np.shape(loss)}; "
                    f"expected {grid}, one loss for each x and y"
                )
            if np.all(np.isnan(log_loss(loss))):
                raise ValueError(f"the surface of {name!r} holds no positive loss")


@dataclasses.dataclass(frozen=True)
class Contours:
    """A figure of loss surfaces from above, with a cross at the minimum of each.

    Attributes:
      name: of the figure.
      landscape: one surface a group.
      caption: of the figure.

    References:
      Li et al. 2018, arXiv:1712.09913, section 4.
    """

    name: str
    landscape: Landscape
    _: dataclasses.KW_ONLY
    caption: str

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the figure, not written anywhere."""
        from matplotlib.patheffects import withStroke

        shown = self.landscape
        levels = np.log10(loss_levels(shown))
        figure, axes = style.panels(1, len(shown.losses), width=5.6, height=5.2)
        figure.set_layout_engine("compressed", w_pad=0.12)
        for panel, (name, loss) in zip(axes, shown.losses.items(), strict=True):
            heights = np.ma.masked_invalid(log_loss(loss)).T
            grid = (shown.x, shown.y, heights)
            filled = panel.contourf(*grid, levels, cmap=style.COLOUR_MAP)
            lines = panel.contour(
                *grid, levels, colors="white", linestyles="solid", linewidths=0.8
            )
            for text in panel.clabel(lines, levels[::2], fmt=label, fontsize=12):
                text.set_path_effects([withStroke(linewidth=2.5, foreground=style.INK)])
            panel.plot(0, 0, "+", color="white", markersize=14, markeredgewidth=2)
            panel.set(title=name, xlabel=shown.x_label, ylabel=shown.y_label)
            panel.set_box_aspect(1)
            panel.grid(visible=False)
            panel.label_outer()
        bar = figure.colorbar(filled, ax=axes, label=shown.loss_label, format=label)
        bar.set_ticks(levels)
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        return figures.save_figure(
            self.draw(),
            folder,
            self.name,
            data=numbers(self.landscape),
            caption=self.caption,
        )


def numbers(landscape: Landscape) -> dict[str, ArrayLike]:
    """Return the arrays of a landscape by name."""
    losses = {f"loss, {group}": loss for group, loss in landscape.losses.items()}
    return {"x": landscape.x, "y": landscape.y, **losses}


def log_loss(loss: ArrayLike) -> np.ndarray:
    """Return decimal logarithms, NaN where a loss is not positive and finite."""
    loss = np.asarray(loss, dtype=np.float64)
    known = np.isfinite(loss) & (loss > 0)
    return np.log10(loss, where=known, out=np.full(loss.shape, np.nan))


def loss_levels(landscape: Landscape) -> np.ndarray:
    """Return ascending levels, which enclose every loss, for the contours of surfaces.

    Levels are round numbers, nearly even in the logarithm, since a minimum is a matter
    of decades; even themselves where the losses hardly differ.

    Example:
      >>> bowl = Landscape(x=[0, 1], y=[0, 1], losses={"bowl": [[1.1, 2.5], [4, 90]]})
      >>> loss_levels(bowl).tolist()
      [1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 70.0, 100.0]
    """
    from matplotlib.ticker import MaxNLocator

    losses = np.stack([np.asarray(loss) for loss in landscape.losses.values()])
    losses = losses[np.isfinite(log_loss(losses))]
    low, high = losses.min(), losses.max()
    exponents = np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 2)
    for digits in reversed(_SERIES):
        levels = np.outer(10.0**exponents, digits).ravel()
        first = np.searchsorted(levels, low, side="right") - 1
        last = np.searchsorted(levels, high, side="left")
        if last - first < _MOST_LEVELS:
            break
    if last - first < 4 and high > 1.0001 * low:
        return MaxNLocator(8).tick_values(low, high)
    return levels[first : max(last, first + 1) + 1]


def label(level: float, _: int = 0) -> str:
    """Return the loss of which the level is the logarithm."""
    return formats.format_tick(10**level)
