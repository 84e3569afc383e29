"""What sets a figure of the page moving: its place, a hint, and the scripts."""

from collections.abc import Collection
from typing import NamedTuple
from xml.etree.ElementTree import Element

from lec7.report import markup


class Player(NamedTuple):
    """A part of the page that JavaScript fills."""

    stage: str  # class of what is filled
    hint: str  # how it is used, below the figure
    scripts: tuple[str, ...]


PLAYERS = {
    "surface": Player(
        "stages",
        "Drag to turn; all panels turn together. After a click the wheel, a pinch, + "
        "and − zoom and the arrow keys turn, or with Shift read the loss. Between the "
        "points of the grid the surface is interpolated. ",
        ("heights.js", "relief.js", "surface.js"),
    ),
    "replay": Player(
        "player",
        "Arrows show what a rule remembers of its direction and point where it drives; "
        "their length goes by the root. Bars of sizes go by the logarithm. ",
        ("transport.js", "player.js"),
    ),
    "playground": Player(
        "player",
        "Click a start, or drag the ring, or move it by the arrow keys. Each path is "
        "computed in the page, by the formulae of the library. ",
        ("transport.js", "rules.js", "playground.js"),
    ),
}


def scripts(players: Collection[str]) -> list[Element]:
    """Return the script, for the end of a page, that starts players by their names.

    Every player has its names to itself, in a block; all share `canvas.js`.
    """
    blocks = [
        f"{{{''.join(map(markup.asset, player.scripts))}}}\n"
        for name, player in PLAYERS.items()
        if name in players
    ]
    if not blocks:
        return []
    return [markup.script(markup.asset("canvas.js") + "".join(blocks), kind="module")]
