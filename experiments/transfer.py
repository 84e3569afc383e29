"""How much of a trained network should be trained again, on which data and how much?

The lecture's grid of four: a target near the source or far from it, and little or much
data of it. In each cell a network is trained from scratch, and one that was trained on
the source gets a new head and is trained on: the head only, the last block too, or
everything; what is pretrained at a tenth of the head's learning rate. Every method has
the best of the same rates by accuracy on the validation split.

Run: python launch.py --experiment=transfer

Expected: 3 minutes on two CPU cores; of 18 claims 10 are supported, 2 contradicted.
With ten examples a class near the source the head alone reaches 96.3 % and a network
from scratch 82.5 %, 13.8 points less (95 % interval 9.5 to 18.0). Far from the source
no way to transfer beats training from scratch, with little data or with much.

Source: lecture, 1:09:55 to 1:13:32 (L67 to L71)

Data: letters and numerals (of glyphs) and digits, or any TFDS names
"""

import dataclasses

from experiments import _pretraining
from experiments._transfer import claims, methods, sections, study
from lec7 import files, report, runs

PLACES = ("near", "far")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """From where to where, and how networks are trained on both."""

    # name of a data set: letters, numerals, or one of lec7 or of TFDS; or of a network
    # of the zoo, behind zoo:
    source: str = "letters"
    # names of one or two data sets, the one near the source first
    target: tuple[str, ...] = ("numerals", "digits")
    seeds: tuple[int, ...] = tuple(range(5))  # networks of a population, at least 2
    examples: int = 10  # of each class, when there is little data
    # learning rates of the head at the beginning, of which the best is kept
    rates: tuple[float, ...] = (0.03, 0.1, 0.3)
    batch_size: int = 32  # examples of the target an update
    updates: int = 200  # on the target
    evaluate_every: int = 100  # updates between two looks at the accuracies
    # regular expression on the paths of the parameters that are the last block
    last_block: str = "^classifier/"
    recipe: _pretraining.Recipe = _pretraining.Recipe()

    def __post_init__(self):
        """Check the ranges.

        Raises:
          ValueError: a value is out of its range.
        """
        runs.require_seeds(self.seeds)
        counts = ("examples", "batch_size", "updates", "evaluate_every")
        runs.require_at_least(self, 1, *counts)
        if not 1 <= len(self.target) <= len(PLACES):
            raise ValueError(f"target is {self.target}; expected one or two data sets")
        if not self.rates or min(self.rates) <= 0:
            raise ValueError(f"rates is {self.rates}; expected one or more above 0")
        if self.source.startswith(_pretraining.ZOO):
            files.require_name(self.source.removeprefix(_pretraining.ZOO), "source")

    @property
    def plan(self) -> methods.Plan:
        """How a method is trained on a target."""
        return methods.Plan(
            **{name: getattr(self, name) for name in methods.Plan._fields}
        )


def run(config: Config, context: runs.Context) -> report.Report:
    """Train by every method in every cell, and decide the claims.

    Args:
      config: from where to where.
      context: where and on what to run.

    Returns:
      Claims, figures and text.

    Raises:
      CheckpointError: the source is not in the zoo, or damaged.
      UsageError: a batch size is not a multiple of the number of devices, or a class of
        a target has too few examples.
    """
    _pretraining.require_divisible(context, "batch_size", config.batch_size)
    with context.phase("source"):
        network = _pretraining.source(
            config.source, config.recipe, config.seeds, context
        )
    with context.phase("training"):
        cells = [
            study.compare(place, target, network, config.plan, context)
            for place, target in zip(PLACES, config.target, strict=False)
        ]
    with context.phase("report"):
        decided = claims.decide(cells)
        for line in sections.lines(cells):
            context.progress.say(line)
        return report.Report(
            title="Transfer learning",
            question=__doc__.partition("\n")[0],
            summary=sections.summary(cells, decided),
            claims=decided,
            sections=[
                sections.grid(context.folder, cells),
                sections.overfitting(context.folder, cells),
                sections.ways(cells),
                sections.source(network.card),
            ],
        )
