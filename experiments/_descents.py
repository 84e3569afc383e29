"""Sections of a report that show descents on surfaces of two parameters."""

import pathlib
from collections.abc import Mapping

from experiments import _surfaces, _trajectories
from lec7 import report

Panels = Mapping[str, tuple[_surfaces.Surface, Mapping[str, _trajectories.Path]]]


def sections(
    folder: pathlib.Path, panels: Panels, *, heading: str, text: str, shown: str
) -> list[report.Section]:
    """Show descents as a picture, as an animation, and as a replay.

    Args:
      folder: the run's folder, which takes the figures `trajectories`, `animation` and
        `replay`.
      panels: title -> surface, and name of a rule -> its path.
      heading: of the first section.
      text: of the first section.
      shown: what the pictures show, in a sentence.

    Returns:
      Two sections.
    """
    drawn = {
        title: report.Plane(
            landscape=_surfaces.landscape(surface),
            paths=paths,
            minima=surface.minima,
        )
        for title, (surface, paths) in panels.items()
    }
    still = report.save_trajectories(drawn, folder, "trajectories", caption=shown)
    moving = report.save_animation(
        drawn, folder, "animation", caption=f"{shown} Update by update."
    )
    replay = report.save_replay(
        drawn, folder, "replay", caption=f"{shown} With what the rules remember."
    )
    return [
        report.Section(heading=heading, text=text, figures=[still, moving]),
        report.Section(
            heading="Replay",
            text="The same paths, with the state that each rule carries along.",
            replay=replay,
        ),
    ]
