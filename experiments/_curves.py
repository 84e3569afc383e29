"""Figures of curves, saved with the numbers they were drawn from."""

import pathlib
from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from lec7 import report


def save(
    folder: pathlib.Path,
    name: str,
    groups: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    caption: str,
    x_label: str,
    y_label: str,
    **looks: Any,
) -> report.Figure:
    """Draw and save curves.

    Args:
      folder: the run's folder.
      name: of the figure.
      groups: name -> (x [T], y [M, T] or [T]).
      caption: of the figure.
      x_label: with its unit.
      y_label: with its unit.
      **looks: what else `report.draw_curves` takes.

    Returns:
      The record of what was written.
    """
    data = {
        f"{group}, {part}": values
        for group, pair in groups.items()
        for part, values in zip((x_label, y_label), pair, strict=True)
    }
    figure = report.draw_curves(groups, x_label=x_label, y_label=y_label, **looks)
    return report.save_figure(figure, folder, name, data=data, caption=caption)
