"""Figures of the page, each with its picture inside and its caption below."""

import base64
from pathlib import Path
from xml.etree.ElementTree import Element

from lec7.report import figures, markup, players


def render_figure(figure: figures.Figure, number: int) -> Element:
    """Return a picture with its caption, and what the page may move in its place."""
    if figure.player:
        stage, hint, _ = players.PLAYERS[figure.player]
        return markup.tag(
            "figure",
            _picture(figure.png, "image/png", figure.caption),
            markup.tag("div", class_=stage),
            _caption(figure, number, hint=hint),
            markup.script(figure.scenes, kind="application/json"),
            id=f"figure-{figure.name}",
            class_=figure.player,
        )
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
