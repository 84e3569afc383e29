"""Figures of the page, each with its picture inside and its caption below."""

import base64
from pathlib import Path
from xml.etree.ElementTree import Element

from lec7.report import figures, markup, replays, surfaces

_HINT = (
    "Arrows show what a rule remembers of its direction and point where it drives; "
    "their length goes by the root. Bars of sizes go by the logarithm. "
)


def render_figure(figure: figures.Figure, number: int) -> Element:
    """Write a figure as HTML, drawn in lines; moving where it can and may.

    Args:
      figure: as saved.
      number: by which the page calls it.

    Returns:
      The element, whose anchor is `figure-NAME`.
    """
    pictures = [_picture(figure.svg, "image/svg+xml", figure.caption)]
    if figure.gif:
        pictures.append(_picture(figure.gif, "image/gif", figure.caption))
    return markup.tag(
        "figure",
        *pictures,
        _caption(figure, number),
        id=f"figure-{figure.name}",
        class_="moving" if figure.gif else None,
    )


def render_surface(surface: surfaces.Surface, number: int) -> Element:
    """Write a landscape as HTML: a still picture, and the scenes to replace it by.

    Args:
      surface: as saved.
      number: by which the page calls it.

    Returns:
      The element, whose anchor is `figure-NAME`; `surfaces.scripts` sets it turning.
    """
    figure = surface.figure
    return markup.tag(
        "figure",
        _picture(figure.png, "image/png", figure.caption),
        markup.tag("div", class_="stages"),
        _caption(figure, number, hint="Drag a landscape and all turn with it. "),
        markup.script(surface.scenes, kind="application/json"),
        id=f"figure-{figure.name}",
        class_="surface",
    )


def render_replay(replay: replays.Replay, number: int) -> Element:
    """Write trajectories as HTML: a still picture, and what a player runs instead.

    Args:
      replay: as saved.
      number: by which the page calls it.

    Returns:
      The element, whose anchor is `figure-NAME`; `replays.scripts` sets it running.
    """
    figure = replay.figure
    return markup.tag(
        "figure",
        _picture(figure.png, "image/png", figure.caption),
        markup.tag("div", class_="player"),
        _caption(figure, number, hint=_HINT),
        markup.script(replay.scenes, kind="application/json"),
        id=f"figure-{figure.name}",
        class_="replay",
    )


def _picture(path: Path, kind: str, description: str) -> Element:
    """Return a picture that is part of the page."""
    content = base64.b64encode(path.read_bytes()).decode()
    return markup.tag("img", src=f"data:{kind};base64,{content}", alt=description)


def _caption(figure: figures.Figure, number: int, *, hint: str = "") -> Element:
    """Return what stands below a figure, with a link to what it was drawn from."""
    return markup.tag(
        "figcaption",
        markup.tag("b", f"Figure {number}."),
        f" {figure.caption} ",
        markup.tag("span", hint, class_="hint"),
        markup.tag("a", "Numbers", href=f"figures/{figure.npz.name}"),
    )
