"""Saved figures: a picture twice, and the numbers it was drawn from."""

import dataclasses
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lec7 import files
from lec7.report import style

if TYPE_CHECKING:
    import matplotlib.figure


# Ink, paper and grid of a drawing where the page around it is dark.
IN_THE_DARK = (
    f"@media (prefers-color-scheme: dark) {{ svg {{ fill: {style.DARK[style.INK]} }} "
    + "".join(
        f'[style*="{part}: {light}"] {{ {part}: {dark} !important }} '
        for light, dark in style.DARK.items()
        for part in ("fill", "stroke")
    )
    + "}"
)


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure on disk.

    Attributes:
      name: of its files, unique in a run; a claim refers to it.
      caption: what there is to see, in a sentence or two; units and spread included.
      png: the picture in pixels.
      svg: the picture in lines.
      npz: the arrays it was drawn from.
      gif: the picture that moves, where there is one.
      player: "surface" or "replay" where the page sets the figure moving.
      scenes: what that player shows, as JSON.
    """

    name: str
    caption: str
    png: Path
    svg: Path
    npz: Path
    gif: Path | None = None
    player: str = ""
    scenes: str = ""


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A figure of one's own.

    Attributes:
      name: of the figure.
      draw: makes it, a matplotlib figure.
      numbers: the arrays it is drawn from, by name.
      caption: of the figure.
    """

    name: str
    draw: Callable[[], "matplotlib.figure.Figure"]
    numbers: Mapping[str, ArrayLike]
    _: dataclasses.KW_ONLY
    caption: str

    def save(self, folder: Path) -> Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        return save_figure(
            style.in_house_look(self.draw)(),
            folder,
            self.name,
            data=self.numbers,
            caption=self.caption,
        )


class Pictures(NamedTuple):
    """A drawn figure, as the bytes of its files."""

    png: bytes
    svg: bytes


@style.in_house_look
def encode(figure: "matplotlib.figure.Figure") -> Pictures:
    """Return a figure as PNG and SVG; equal figures give equal bytes."""
    import matplotlib

    pictures = []
    for kind, metadata in (
        ("png", {"Software": None}),
        ("svg", {"Creator": None, "Date": None}),
    ):
        picture = io.BytesIO()
        figure.savefig(picture, format=kind, metadata=metadata)
        # What the first picture has laid out, the second takes as it is.
        matplotlib.rcParams["figure.constrained_layout.use"] = False
        figure.set_layout_engine(None)
        pictures.append(picture.getvalue())
    png, svg = pictures
    look = f"<style>{IN_THE_DARK}</style><defs>".encode()
    return Pictures(png, svg.replace(b"<defs>", look, 1))


def save_figure(
    figure: "matplotlib.figure.Figure | Pictures",
    folder: Path,
    name: str,
    *,
    data: Mapping[str, ArrayLike],
    caption: str,
) -> Figure:
    """Return the record of figures/NAME.png, .svg and .npz, which are written.

    Equal input gives equal bytes.

    Raises:
      ValueError: if the name could not be a file's, or data holds what is no array of
        numbers or text.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError(
            f"a figure's name is {name!r}; expected letters, digits, '-' and '_'"
        )
    arrays = {key: np.asarray(value) for key, value in data.items()}
    for key, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"figure {name}: data {key!r} is no array of numbers")
    stem = Path(folder) / "figures" / name
    record = Figure(
        name, caption, *(stem.with_suffix(end) for end in (".png", ".svg", ".npz"))
    )
    pictures = figure if isinstance(figure, Pictures) else encode(figure)
    files.write(record.png, pictures.png)
    files.write(record.svg, pictures.svg)
    numbers = io.BytesIO()
    np.savez_compressed(numbers, **arrays)
    files.write(record.npz, numbers.getvalue())
    return record
