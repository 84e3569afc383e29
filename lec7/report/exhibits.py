"""Figures of the page: what one shows, its picture, its caption and its numbers."""

import base64
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from lec7.report import (
    claims,
    figures,
    markup,
    numbers,
    players,
    verdict_rows,
    wording,
)

_LARGEST = 2**20  # bytes of numbers that a page carries


def render_figure(
    figure: figures.Figure, number: int, shown: Sequence[claims.Claim] = ()
) -> Element:
    """Return a picture between what it shows and its caption.

    Args:
      figure: as saved; what the page may move stands in the place of its picture.
      number: of the figure on the page.
      shown: the claims that it decides, with a verdict each.
    """
    if figure.player:
        stage, hint, _ = players.PLAYERS[figure.player]
        content = [
            _picture(figure.png, "image/png", figure.caption),
            markup.tag("div", class_=stage),
            markup.script(figure.scenes, kind="application/json"),
        ]
    else:
        hint = ""
        content = [_picture(figure.svg, "image/svg+xml", figure.caption)]
        if figure.gif:
            content.append(_picture(figure.gif, "image/gif", figure.caption))
    return markup.tag(
        "figure",
        *_findings(shown),
        *content,
        _caption(figure, number, hint),
        id=f"figure-{figure.name}",
        class_=figure.player or ("moving" if figure.gif else None),
    )


def _findings(shown: Sequence[claims.Claim]) -> list[Element]:
    """Return the first claim with its verdict, and the others folded away."""
    lines = [
        markup.tag(
            "p",
            verdict_rows.badge(claim),
            " ",
            markup.tag("a", claim.statement, href=f"#claim-{claim.id}"),
            class_="finding",
        )
        for claim in shown
    ]
    if len(lines) < 3:
        return lines
    more = markup.tag("summary", f"and {len(lines) - 1} more claims")
    return [lines[0], markup.tag("details", more, *lines[1:], class_="findings")]


def _picture(path: Path, kind: str, description: str) -> Element:
    """Return a picture that is part of the page."""
    content = base64.b64encode(path.read_bytes()).decode()
    return markup.tag("img", src=f"data:{kind};base64,{content}", alt=description)


def _caption(figure: figures.Figure, number: int, hint: str) -> Element:
    """Return what stands below a figure, with what it was drawn from."""
    return markup.tag(
        "figcaption",
        markup.tag("b", f"Figure {number}."),
        " ",
        *wording.inline(figure.caption),
        " ",
        markup.tag("span", hint, class_="hint"),
        _numbers(figure),
    )


def _numbers(figure: figures.Figure) -> Element:
    """Return the link to the numbers, which are in the page unless they are many."""
    with np.load(figure.npz) as arrays:
        table = numbers.as_csv(arrays).encode()
    if len(table) > _LARGEST:
        return markup.tag("a", "Numbers (npz)", href=f"figures/{figure.npz.name}")
    content = f"data:text/csv;base64,{base64.b64encode(table).decode()}"
    name = f"{figure.name}.csv"
    return markup.tag("a", "Numbers (CSV)", href=content, download=name)
