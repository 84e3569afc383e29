"""Every regulariser at every strength, and the strength that validation chooses."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import optax

from experiments import regularizers_recipes as recipes
from experiments import training
from lec7 import report, train, update_rules


class Trained(NamedTuple):
    """What became of one regulariser."""

    strength: str
    """What its strength is."""
    control: str | None
    """What it is compared with; None for a control."""
    records: Mapping[str, train.Record]
    """Strength -> M trained networks, from weak to strong."""
    right: Mapping[str, np.ndarray]
    """Strength -> whether a test example's class is right, bool [M, N]."""

    @property
    def best(self) -> str:
        """The strength with the highest mean validation accuracy, the weakest of it."""
        return max(self.records, key=self.validation)

    @property
    def chosen(self) -> train.Record:
        """The networks of the best strength."""
        return self.records[self.best]

    def validation(self, strength: str) -> float:
        """Return the mean validation accuracy at a strength, in per cent."""
        return 100 * float(np.mean(self.records[strength].final["validation_accuracy"]))

    def tested(self, strength: str | None = None) -> np.ndarray:
        """Return 100 where a test example is right, otherwise 0, [M, N].

        At the best strength unless given.
        """
        return 100.0 * self.right[strength or self.best]

    def gaps(self, strength: str | None = None) -> np.ndarray:
        """Return training accuracy in per cent minus that, [M, N]."""
        train = self.records[strength or self.best].final["train_accuracy"]
        return 100 * np.float64(train)[:, None] - self.tested(strength)

    def gap(self, strength: str | None = None) -> np.ndarray:
        """Return training minus test accuracy in points, [M]."""
        return self.gaps(strength).mean(axis=1)

    def accuracy(self, split: str = "test") -> np.ndarray:
        """Return accuracies at the chosen strength in per cent, [M]."""
        return 100 * np.float64(self.chosen.final[f"{split}_accuracy"])

    def unreached(self, loss: float) -> int:
        """Return how many networks do not reach a training loss in nats."""
        history = self.chosen.history
        return int((~(history["train_loss"] <= loss).any(axis=0)).sum())

    def updates_to(self, loss: float) -> np.ndarray:
        """Return updates until the training loss is as low as another in nats, [M].

        Where it never is, all updates are returned, and so fewer than are needed.
        """
        history = self.chosen.history
        reached = history["train_loss"] <= loss
        first = np.where(reached.any(0), reached.argmax(0), len(reached) - 1)
        return np.float64(history["train_loss_step"][first] + 1)


def train_one(
    config, study: training.Study, name: str, recipe: recipes.Recipe
) -> train.Population:
    """Train the networks that a recipe makes."""
    return study.population(
        recipe.build,
        optax.chain(
            update_rules.l2_in_loss(recipe.decay, pattern="kernel$"),
            update_rules.momentum(config.learning_rate),
        ),
        name=name,
        batch_size=config.batch_size,
        updates=config.updates,
        evaluate_every=config.evaluate_every,
        checkpoint_every=-(-config.updates // config.evaluate_every),
        augment=recipe.augmentation,
    )


def claims(found: Mapping[str, Trained]) -> list[report.Claim]:
    """Decide what the strength of a regulariser does."""
    decided = []
    if "BatchNorm" in found:
        norm = found["BatchNorm"]
        most, *_, fewest = norm.records
        decided.append(
            report.Claims(source="lecture, 1:03:46", figure="strengths").paired(
                "L59.noise",
                "It is the noise of a batch that regularises: the gap is smaller where "
                f"{fewest} examples are normalised together than where {most} are.",
                f"points of gap, {most} - {fewest} examples",
                (norm.gaps(most), norm.gaps(fewest)),
                above=0,
            )
        )
    if {"BatchNorm", "BatchNorm + dropout"} <= set(found):
        both = found["BatchNorm + dropout"]
        weak, *_, strong = both.records
        decided.append(
            report.Claims(source="lecture, 1:04:25", figure="strengths").paired(
                "L60.tuned",
                "The strength of dropout can be tuned beside BatchNorm: the gap is "
                f"smaller at the rate {strong} than at {weak}.",
                f"points of gap, rate {weak} - rate {strong}",
                (both.gaps(weak), both.gaps(strong)),
                above=0,
            )
        )
    return decided


def section(found: Mapping[str, Trained]) -> report.Section:
    """Show the gap at every strength."""
    tuned = {name: of for name, of in found.items() if len(of.records) > 1}
    return report.Section(
        "Strengths",
        report.Table(
            ("regulariser", "strength", "chosen", "weak", "middle", "strong"),
            [
                (name, of.strength, of.best)
                + tuple(
                    f"{strength}: {report.format_number(of.validation(strength))}"
                    for strength in of.records
                )
                for name, of in tuned.items()
            ],
            "Strength: mean validation accuracy, per cent.",
        ),
        report.Paired(
            "strengths",
            {name: [of.gap(each) for each in of.records] for name, of in tuned.items()},
            ("weak", "middle", "strong"),
            caption="Gap between training and test accuracy in points at each "
            "strength.",
        ),
    )
