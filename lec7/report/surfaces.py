"""The landscape that turns: a relief drawn by plotly over a still picture of it."""

import dataclasses
import html
import json
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, formats, landscapes, markup

# Draws the scenes in place of their still picture; the one under the pointer leads.
_EYE = {"x": 1.0, "y": -1.75, "z": 1.1}


@dataclasses.dataclass(frozen=True)
class Surface:
    """A figure of a relief that the page turns.

    Attributes:
      name: of the figure.
      landscape: one surface a group.
      caption: of the figure.
    """

    name: str
    landscape: landscapes.Landscape
    _: dataclasses.KW_ONLY
    caption: str

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the still relief, with the scenes that turn."""
        return save_surface(self.landscape, folder, self.name, caption=self.caption)


def save_surface(
    landscape: landscapes.Landscape, folder: Path, name: str, *, caption: str
) -> figures.Figure:
    """Write the still relief with its numbers, and compose the scenes that turn.

    Args:
      landscape: one surface a group.
      folder: the run's folder.
      name: as for `save_figure`.
      caption: as for `save_figure`.

    Returns:
      The record that a section of the page takes.
    """
    losses = {f"loss, {group}": loss for group, loss in landscape.losses.items()}
    figure = figures.save_figure(
        landscapes.draw_relief(landscape),
        folder,
        name,
        data={"x": landscape.x, "y": landscape.y, **losses},
        caption=caption,
    )
    return dataclasses.replace(
        figure, player="surface", scenes=compose_scenes(landscape)
    )


def compose_scenes(landscape: landscapes.Landscape) -> str:
    """Describe a landscape to plotly, all groups on one scale of height and colour.

    Args:
      landscape: one surface a group.

    Returns:
      A list of `{title, trace, axes}`, one a group, as JSON; an unknown loss is null.
    """
    levels = np.log10(landscapes.loss_levels(landscape)).tolist()
    common = {
        "type": "surface",
        "x": np.asarray(landscape.x, dtype=np.float64).tolist(),
        "y": np.asarray(landscape.y, dtype=np.float64).tolist(),
        "cmin": levels[0],
        "cmax": levels[-1],
        "colorscale": "Viridis",
        "showscale": False,
        "hovertemplate": "loss %{customdata:.3g}<extra>(%{x:.2f}, %{y:.2f})</extra>",
    }
    axes = {
        "xaxis": {"title": _title(landscape.x_label), "nticks": 5},
        "yaxis": {"title": _title(landscape.y_label), "nticks": 5},
        "zaxis": {
            "title": _title(landscape.loss_label),
            "range": [levels[0], levels[-1]],
            "tickvals": levels[::2],
            "ticktext": [formats.format_tick(10**level) for level in levels[::2]],
        },
        "aspectratio": {"x": 1, "y": 1, "z": 0.75},
        "camera": {"eye": _EYE, "center": {"x": 0, "y": 0, "z": -0.15}},
    }
    scenes = [
        {"title": _title(name), "trace": common | _heights(loss), "axes": axes}
        for name, loss in landscape.losses.items()
    ]
    return json.dumps(scenes, allow_nan=False)


def scripts() -> list[Element]:
    """Make the scripts that let every `.surface` of a page turn.

    Returns:
      The plotting library and what calls it, to stand at the end of the page.
    """
    from plotly.offline import get_plotlyjs

    return [markup.script(get_plotlyjs()), markup.script(markup.asset("surface.js"))]


def _title(text: str) -> dict:
    """Return a title, in which plotly shall find no markup."""
    return {"text": html.escape(text)}


def _heights(loss: ArrayLike) -> dict:
    """Return the height and the loss of every point, in rows of equal y."""
    heights = np.round(landscapes.log_loss(loss).T, 4)
    known = np.isfinite(heights)
    return {
        "z": np.where(known, heights, None).tolist(),
        "customdata": np.where(known, np.asarray(loss).T, None).tolist(),
    }
