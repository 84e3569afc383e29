"""The slide of a run: its answer above the figure that decides, and a deck of many."""

import base64
import dataclasses
import io
import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from lec7 import files
from lec7.report import figures, markup, style

NAME = "slide"  # of the slide's files among the figures of a run
_WIDTH, _HEIGHT = 1600, 900
_TOP, _FOOT = 210, 60  # pixels above and below the figure
_LETTERS = 78  # in a line of the answer


@dataclasses.dataclass(frozen=True)
class Slide:
    """What a run comes to, at a glance.

    Attributes:
      title: of the experiment.
      question: that it asks.
      answer: in a sentence or two.
      figure: name of the figure that shows it.
    """

    title: str
    question: str
    answer: str
    figure: str


def write_slide(folder: Path, slide: Slide, figure: figures.Figure) -> None:
    """Write figures/slide.svg, .png and .json, 16 by 9.

    Args:
      folder: the run's.
      slide: its words.
      figure: its picture, as saved.
    """
    stem = Path(folder) / "figures" / NAME
    text = json.dumps(dataclasses.asdict(slide), ensure_ascii=False, indent=2)
    files.write(stem.with_suffix(".json"), f"{text}\n".encode())
    files.write(stem.with_suffix(".svg"), _as_svg(slide, figure).encode())
    files.write(stem.with_suffix(".png"), _as_png(slide, figure))


def read_slide(folder: Path) -> Slide | None:
    """Return the words of a run's slide, or None of a run that has no figure."""
    path = Path(folder) / "figures" / f"{NAME}.json"
    if not path.exists():
        return None
    return Slide(**json.loads(path.read_text(encoding="utf-8")))


def thumbnail(folder: Path, slide: Slide, *, width: int = 480) -> str:
    """Return the slide's figure, so many pixels wide, as the address of a picture."""
    from PIL import Image

    with Image.open(Path(folder) / "figures" / f"{slide.figure}.png") as picture:
        size = width, max(1, round(picture.height * width / picture.width))
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    written = io.BytesIO()
    small.quantize(64).save(written, "png", optimize=True)
    return _address("png", written.getvalue())


def deck(folders: Sequence[Path]) -> list[Element]:
    """Return the slides of runs, each as high as the window."""
    pictures = []
    for folder in folders:
        slide = read_slide(folder)
        drawn = (Path(folder) / "figures" / f"{NAME}.svg").read_bytes()
        address, words = _address("svg+xml", drawn), f"{slide.question} {slide.answer}"
        picture = markup.tag("img", src=address, alt=words)
        pictures.append(markup.tag("section", picture, class_="slide"))
    return pictures


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _as_svg(slide: Slide, figure: figures.Figure) -> str:
    lines = (
        markup.tag("tspan", line, x="60", dy="1.3em") for line in _wrapped(slide.answer)
    )
    kind, picture = ("png", figure.png) if figure.player else ("svg+xml", figure.svg)
    ink = {"style": f"fill: {style.INK}", "font_family": "system-ui, sans-serif"}
    whole = markup.tag(
        "svg",
        markup.tag("style", figures.IN_THE_DARK),
        markup.tag("rect", width="100%", height="100%", style="fill: #ffffff"),
        markup.tag("text", *lines, y="30", font_size="36", **ink),
        markup.tag(
            "image",
            href=_address(kind, picture.read_bytes()),
            x="60",
            y=f"{_TOP}",
            width=f"{_WIDTH - 120}",
            height=f"{_HEIGHT - _TOP - _FOOT}",
        ),
        markup.tag(
            "text", slide.question, x="60", y=f"{_HEIGHT - 24}", font_size="24", **ink
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
    )
    return markup.serialise(whole)


@style.in_house_look
def _as_png(slide: Slide, figure: figures.Figure) -> bytes:
    from matplotlib import image
    from matplotlib.figure import Figure

    page = Figure(figsize=(16, 9), layout="none", dpi=100)
    left, width = 60 / _WIDTH, 1 - 120 / _WIDTH
    box = left, _FOOT / _HEIGHT, width, 1 - (_TOP + _FOOT) / _HEIGHT
    axes = page.add_axes(box)
    axes.imshow(image.imread(figure.png), interpolation="antialiased")
    axes.set_axis_off()
    answer = "\n".join(_wrapped(slide.answer))
    plain = {"parse_math": False, "va": "top"}
    page.text(left, 1 - 40 / _HEIGHT, answer, fontsize=25, linespacing=1.3, **plain)
    page.text(left, 45 / _HEIGHT, slide.question, fontsize=17, **plain)
    written = io.BytesIO()
    page.savefig(written, format="png", dpi=100, metadata={"Software": None})
    return written.getvalue()


def _wrapped(text: str) -> list[str]:
    """Return at most three lines, the last cut short where there is more."""
    plain = re.sub(r"\s+", " ", text.replace("`", ""))
    return textwrap.wrap(plain, _LETTERS, max_lines=3, placeholder=" …")
