"""Trajectories that move: a GIF, which needs nothing but a browser."""

import dataclasses
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lec7 import files
from lec7.report import figures, planes, style, trajectories

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from PIL.Image import Image

_MOST_FRAMES = 100
_FRAME, _FIRST, _LAST = 90, 900, 3000  # how long a picture stands, in milliseconds
_PIXELS = 1e6  # of a picture at most


@dataclasses.dataclass(frozen=True)
class Animation:
    """A figure of paths that moves, except in print and where motion is unwanted.

    All paths move at one pace: a picture a step where there are enough of them, and
    else ever more steps a picture, as many as leave the beginning slow.

    Attributes:
      name: of the figure.
      still: the same paths standing still.
      caption: of the figure.
      frames: pictures at most, in 2 ... 100.
    """

    name: str
    still: trajectories.Trajectories
    _: dataclasses.KW_ONLY
    caption: str
    frames: int = 80

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers.

        Raises:
          ValueError: `frames` is out of its range.
        """
        if not 2 <= self.frames <= _MOST_FRAMES:
            raise ValueError(f"frames = {self.frames}; expected 2 to {_MOST_FRAMES}")
        panels = self.still.panels
        record = self.still.save_as(folder, self.name, self.caption)
        record = dataclasses.replace(record, gif=record.png.with_suffix(".gif"))
        steps = choose_steps(max(map(planes.last_step, panels.values())), self.frames)
        files.write(record.gif, _encode(_draw_pictures(panels, steps)))
        return record


def choose_steps(last: int, frames: int) -> np.ndarray:
    """Return ascending steps from 0 to `last`, close at first: about T (k / K)^2.

    Example:
      >>> choose_steps(4, 10).tolist(), choose_steps(100, 6).tolist()
      ([0, 1, 2, 3, 4], [0, 4, 16, 36, 64, 100])
    """
    if last < frames:
        return np.arange(last + 1)
    share = np.linspace(0, 1, frames)
    return np.unique(np.rint(last * share**2).astype(int))


@style.in_house_look
def _draw_pictures(panels: trajectories.Panels, steps: np.ndarray) -> list["Image"]:
    """Return what has happened until each step; what stands still is drawn once."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    looks = trajectories.assign_looks(panels)
    figure, axes = trajectories.draw_grounds(panels, size=5.0)
    trajectories.draw_legend(figure, panels, looks)
    figure.set_dpi(min(100, np.sqrt(_PIXELS / np.prod(figure.get_size_inches()))))
    canvas = FigureCanvasAgg(figure)
    moving = [
        (panel, points, _line(panel, looks[name]))
        for panel, shown in zip(axes, panels.values(), strict=True)
        for name, several in planes.in_sight(shown).items()
        for points in several
    ]
    clock = axes[0].text(
        *(0.97, 0.03, ""),
        transform=axes[0].transAxes,
        horizontalalignment="right",
        fontsize=18,
        bbox={"facecolor": "white", "edgecolor": "none"},
    )
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    pictures = []
    for step in steps:
        canvas.restore_region(ground)
        for panel, points, line in moving:
            line.set_data(*points[: step + 1].T)
            line.set_markevery([min(step, len(points) - 1)])
            panel.draw_artist(line)
        clock.set_text(f"step {step}")
        axes[0].draw_artist(clock)
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))
    return pictures


def _line(axes: "Axes", look: trajectories.Look) -> "Line2D":
    """Return a path that has not begun, added to the axes."""
    (line,) = axes.plot([], [], **look.line(), **look.mark(), linewidth=2)
    return line


def _encode(pictures: list["Image"]) -> bytes:
    """Return a GIF that runs for ever."""
    first, *others = _reduce_colours(pictures)
    moving = io.BytesIO()
    first.save(
        moving,
        "GIF",
        save_all=True,
        append_images=others,
        duration=[_FIRST, *[_FRAME] * (len(pictures) - 2), _LAST],
        loop=0,
        disposal=1,
        optimize=True,
    )
    return moving.getvalue()


def _reduce_colours(pictures: list["Image"]) -> list["Image"]:
    """Return pictures in the 255 colours that the last one has most of.

    Each colour becomes the nearest, exactly, which Pillow's own way does not promise.
    The index left over stands for what has not changed, and halves the file.
    """
    from PIL import Image

    counted = sorted(pictures[-1].getcolors(2**24), reverse=True)
    palette = np.array([colour for _, colour in counted[:255]], dtype=np.int32)
    nearest = np.full(2**24, 255, dtype=np.uint8)
    reduced = []
    for picture in pictures:
        codes = np.asarray(picture, dtype=np.int32) @ np.array([2**16, 2**8, 1])
        new = np.unique(codes[nearest[codes] == 255])
        colours = np.stack([new >> 16, new >> 8 & 255, new & 255], axis=1)
        away = np.sum(np.square(colours[:, None] - palette), axis=-1)
        nearest[new] = away.argmin(axis=1)
        reduced.append(Image.fromarray(nearest[codes]))
        reduced[-1].putpalette(palette.ravel().tolist())
    return reduced
