"""The playground: a part of the page in which the reader sets update rules going."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from lec7.report import figures, replays, trajectories

# What `rules.js` computes, by the names that it has in `lec7.problems`.
SURFACES = (
    "taco shell",
    "rotated ellipse",
    "saddle",
    "monkey saddle",
    "Rosenbrock",
    "Beale",
    "Himmelblau",
    "double well",
)
RULES = (
    "SGD",
    "momentum",
    "Nesterov",
    "AdaGrad",
    "RMSProp",
    "Adam",
    "almost Adam",
)
Pair = tuple[float, float]


class Problem(Protocol):
    """A loss of two parameters, such as those of `lec7.problems.PROBLEMS`."""

    name: str
    start: Pair
    x_range: Pair
    y_range: Pair
    minima: Sequence[Pair]


@dataclasses.dataclass(frozen=True)
class Playground:
    """A figure in which the reader chooses surface, start, rules and their rates.

    The page computes the paths itself, by the formulae of `lec7.update_rules`.

    Attributes:
      name: of the figure.
      still: paths that stand there in print and without JavaScript.
      problems: that there are to choose from, of `SURFACES` by their names.
      caption: of the figure.
    """

    name: str
    still: trajectories.Trajectories
    problems: Sequence[Problem]
    _: dataclasses.KW_ONLY
    caption: str

    def __post_init__(self):
        """Refuse a problem that the page cannot compute.

        Raises:
          ValueError: the name of a problem is not one of `SURFACES`.
        """
        for problem in self.problems:
            if problem.name not in SURFACES:
                raise ValueError(
                    f"a playground has no surface {problem.name!r}; expected one of "
                    f"{', '.join(SURFACES)}"
                )

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the still picture, with what there is to choose."""
        figure = self.still.save_as(folder, self.name, self.caption)
        scenes = compose_scenes(self.problems)
        return dataclasses.replace(figure, player="playground", scenes=scenes)


def compose_scenes(problems: Sequence[Problem]) -> str:
    """Return surfaces and looks of rules as JSON."""
    surfaces = [
        {
            "title": problem.name,
            "low": [problem.x_range[0], problem.y_range[0]],
            "high": [problem.x_range[1], problem.y_range[1]],
            "start": list(problem.start),
            "minima": [list(point) for point in problem.minima],
        }
        for problem in problems
    ]
    looks = trajectories.choose_looks(RULES)
    rules = [{"name": name, **replays.describe_look(looks[name])} for name in RULES]
    scenes = {"surfaces": surfaces, "rules": rules}
    return json.dumps(scenes, allow_nan=False, separators=(",", ":"))
