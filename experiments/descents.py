"""Descents on surfaces of two parameters, as they are found and as they are shown."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from experiments import _surfaces, _trajectories
from lec7 import report


class Panel(NamedTuple):
    """What several rules do on one surface."""

    ground: report.Landscape
    minima: np.ndarray
    """[K, 2]."""
    paths: Mapping[str, _trajectories.Path]
    """Rule -> its path."""


def panel(surface: _surfaces.Surface, paths: Mapping[str, _trajectories.Path]) -> Panel:
    """Return the panel of a surface."""
    minima = np.reshape(surface.minima, (-1, 2))
    return Panel(_surfaces.landscape(surface), minima, paths)


def sections(
    panels: Mapping[str, Panel], *, heading: str, text: str, shown: str
) -> list[report.Section]:
    """Show descents as a picture, as an animation, and as a replay.

    Args:
      panels: by their titles.
      heading: of the first section.
      text: of the first section.
      shown: what the pictures show, in a sentence.

    Returns:
      Two sections, with the figures `trajectories`, `animation` and `replay`.
    """
    planes = {
        title: report.Plane(landscape=of.ground, paths=of.paths, minima=of.minima)
        for title, of in panels.items()
    }
    still = report.Trajectories("trajectories", planes, caption=shown)
    moving = f"{shown} Update by update."
    replayed = f"{shown} With what the rules remember."
    return [
        report.Section(
            heading, text, still, report.Animation("animation", still, caption=moving)
        ),
        report.Section(
            "Replay",
            "The same paths, with the state that each rule carries along.",
            report.Replay("replay", still, caption=replayed),
        ),
    ]
