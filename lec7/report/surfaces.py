"""The landscape that turns: a relief drawn by plotly over a still picture of it."""

import dataclasses
import html
import json
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, formats, landscapes, markup, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the still relief, its height on a log scale, not written anywhere."""
        from matplotlib.figure import Figure

        shown = self.landscape
        levels = np.log10(landscapes.loss_levels(shown))
        columns = len(shown.losses)
        figure = Figure(figsize=(6.4 * columns, 5.2), layout="none")
        figure.subplots_adjust(left=0, right=1, bottom=0.08, top=1, wspace=0)
        x, y = np.meshgrid(shown.x, shown.y, indexing="ij")
        for place, (name, loss) in enumerate(shown.losses.items(), start=1):
            axes = figure.add_subplot(1, columns, place, projection="3d")
            axes.set_box_aspect((1, 1, 0.75), zoom=0.85)
            axes.plot_surface(
                *(x, y, landscapes.log_loss(loss)),
                cmap=style.COLOUR_MAP,
                vmin=levels[0],
                vmax=levels[-1],
                rcount=60,
                ccount=60,
            )
            axes.set_title(name, y=0.94)
            axes.set(zlim=(levels[0], levels[-1]))
            axes.set_xlabel(shown.x_label, fontsize=13, labelpad=8)
            axes.set_ylabel(shown.y_label, fontsize=13, labelpad=10)
            axes.set_zlabel(shown.loss_label, fontsize=13, labelpad=16)
            axes.tick_params(axis="z", pad=7)
            axes.set_zticks(levels[::2], [*map(landscapes.label, levels[::2])])
            axes.tick_params(labelsize=12)
            axes.locator_params(axis="x", nbins=4)
            axes.locator_params(axis="y", nbins=4)
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the still relief, with the scenes that turn."""
        record = figures.save_figure(
            self.draw(),
            folder,
            self.name,
            data=landscapes.numbers(self.landscape),
            caption=self.caption,
        )
        scenes = compose_scenes(self.landscape)
        return dataclasses.replace(record, player="surface", scenes=scenes)


def compose_scenes(landscape: landscapes.Landscape) -> str:
    """Return [{title, trace, axes}] for plotly as JSON, all groups on one scale."""
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
    """Return plotly and what calls it, to stand at the end of the page."""
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
