"""Networks of different size, rate and regularisation: how to choose, and to mix."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import optax

from experiments import training
from experiments.ensembles_trainings import POINTS, SEED_STRIDE, Trainings
from lec7 import ensembles, report, runs, schedules, update_rules
from lec7.ensembles import scores

if TYPE_CHECKING:
    from experiments.ensembles import Config

FIRST_SEED = 500  # of a group's networks here, after those of the trainings
SPLITS = ("train", "validation", "test")


class Mixture(NamedTuple):
    """G groups of C networks, each of another choice of hyper-parameters."""

    accuracy: Mapping[str, np.ndarray]
    """Split -> accuracy [G, C], percent."""
    right: np.ndarray
    """Whether a test example's class is right, bool [G, C, N]."""
    mixed: scores.Scores
    """Ensembles of the choices best on the validation set [G, N]."""
    best: scores.Scores
    """The single best of them on the validation set [G, N]."""

    @property
    def gap(self) -> np.ndarray:
        """Accuracy on the training set less that on the validation set [G, C]."""
        return self.accuracy["train"] - self.accuracy["validation"]

    def correlations(self) -> np.ndarray:
        """Return Spearman's correlation across choices with the test accuracy, [2, G].

        The first row is that of the validation accuracy, the second that of the gap
        with its sign turned: small gaps first.
        """
        from scipy import stats

        def correlations(guide):
            pairs = zip(guide, self.accuracy["test"], strict=True)
            return [stats.spearmanr(*pair).statistic for pair in pairs]

        guides = (self.accuracy["validation"], -self.gap)
        return np.array([correlations(guide) for guide in guides])

    def chosen(self) -> np.ndarray:
        """Return 100 where what either guide chooses is right, else 0, [2, G, N]."""
        rows = np.arange(len(self.gap))
        by = (self.accuracy["validation"].argmax(axis=1), self.gap.argmin(axis=1))
        return 100.0 * np.stack([self.right[rows, place] for place in by])


def choices(config: "Config") -> list[tuple[int, float, float]]:
    """Return width, first rate and weight decay of each choice.

    The width is that of an MLP; other networks differ in the rest.
    """
    widths = config.widths if config.model == "mlp" else (config.width,)
    return list(itertools.product(widths, config.rates, config.decays))


def members(config: "Config") -> int:
    """Return how many of the choices vote."""
    return min(config.members, len(choices(config)))


def measure(
    config: "Config", context: runs.Context, study: training.Study, name: str
) -> Mixture:
    """Train a network of every choice in each group."""
    several, test = choices(config), study.dataset.test
    trained = _train(config, context, study, name)
    groups = [
        trained[start : start + len(several)]
        for start in range(0, len(trained), len(several))
    ]
    accuracy = {
        split: 100
        * np.array([[one.final[f"{split}_accuracy"] for one in of] for of in groups])
        for split in SPLITS
    }
    ranked = np.argsort(-accuracy["validation"], axis=1, kind="stable")

    def of_first(count):
        """Return the scores of ensembles of the first ones by validation accuracy."""
        return scores.stack(
            [
                _together([group[place] for place in order[:count]], test)
                for group, order in zip(groups, ranked, strict=True)
            ]
        )

    right = [[_together([one], test).accuracy > 0 for one in of] for of in groups]
    return Mixture(
        accuracy,
        right=np.array(right),
        mixed=of_first(members(config)),
        best=of_first(1),
    )


def _train(config, context, study, name):
    def make_rule(learning_rate, weight_decay):
        rate = schedules.cosine_decay(learning_rate, steps=config.updates)
        return optax.chain(
            update_rules.l2_in_loss(weight_decay), update_rules.momentum(rate)
        )

    every = [
        ensembles.Member(
            study.network(training.named(config.model, widths=(width,))),
            SEED_STRIDE * seed + FIRST_SEED + place,
            {"learning_rate": rate, "weight_decay": decay},
        )
        for seed in config.seeds
        for place, (width, rate, decay) in enumerate(choices(config))
    ]
    with context.progress.task(f"{name}, mixture", config.updates) as task:
        return ensembles.train_members(
            every,
            optax.inject_hyperparams(make_rule)(learning_rate=0.0, weight_decay=0.0),
            study.dataset,
            initialise=lambda model, key: study.initialise(model)(key),
            name=f"{name}_mixture",
            batch_size=config.batch_size,
            steps=config.updates,
            evaluate_every=config.updates // config.cycles,
            on_divergence="raise",
            devices=context.devices,
            folder=context.folder,
            progress=lambda step, **_: task.update(step),
        )


def _together(trained, split):
    """Return the scores [N] of an ensemble of any networks."""
    predict = ensembles.average_members(
        [ensembles.deterministic(one.model, one.variables) for one in trained]
    )
    mean = np.asarray(predict(split.images).mean)
    return scores.of_probabilities(mean, split.labels, each=True)


def claims(
    config: "Config", of: Mixture, alike: Trainings, name: str
) -> list[report.Claim]:
    """Decide what is claimed of choosing, and of members that differ."""
    choosing = report.Claims(source="lecture, 0:53:39", figure=f"choosing_{name}")
    mixing = report.Claims(source="lecture, 0:54:09", figure=f"methods_{name}")
    many = members(config)
    return [
        choosing.paired(
            f"L48.{name}",
            f"On {name}, the validation accuracy tells the test accuracy of a choice "
            "of hyper-parameters better than a small gap does.",
            "rank correlation, validation accuracy − small gap",
            of.correlations(),
            above=0,
        ),
        choosing.paired(
            f"L48.{name}.choice",
            f"On {name}, the network with the highest validation accuracy has a higher "
            "test accuracy than the one with the smallest gap.",
            f"{POINTS}, by validation − by gap",
            of.chosen(),
            above=0,
        ),
        mixing.paired(
            f"L49.{name}",
            f"On {name}, members may differ: {many} networks of different size, rate "
            "and weight decay have a higher test accuracy together than the best of "
            "them.",
            f"{POINTS}, mixed − best",
            (of.mixed.accuracy, of.best.accuracy),
            above=0,
        ),
        dataclasses.replace(mixing, untested=better_kind(config, of)).paired(
            f"L49.{name}.same",
            f"On {name}, such a mixture, the best by validation of "
            f"{len(choices(config))}, is worse than {many} networks of one kind by "
            "half a point at the most.",
            f"{POINTS}, mixed − of one kind",
            (of.mixed.accuracy, alike.members.accuracy[:, many - 1]),
            above=-0.5,
        ),
    ]


def better_kind(config, of):
    """Say that another kind of network is the better one by validation, if it is."""
    means = of.accuracy["validation"].mean(axis=0)
    kind = (config.width, config.learning_rate, config.weight_decay)
    kinds = choices(config)
    better = int((means > means[kinds.index(kind)]).sum()) if kind in kinds else 0
    if not better:
        return None
    return (
        f"by validation the one kind is only number {better + 1} of {len(kinds)}, "
        "while the mixture is of the best"
    )


def choosing(config: "Config", of: Mixture, name: str) -> report.Section:
    """Show which guide to the hyper-parameters is the better one."""

    def units(width):
        return f"{width} units, " if config.model == "mlp" else ""

    rows = [
        (
            f"{units(width)}rate {rate:g}, weight decay {decay:g}",
            *(of.accuracy[split][:, place] for split in SPLITS),
            of.gap[:, place],
        )
        for place, (width, rate, decay) in enumerate(choices(config))
    ]
    accuracies = ("training accuracy (%)", "validation accuracy (%)")
    return report.Section(
        f"Not the gap, but the validation accuracy, on {name}",
        "The gap is the training accuracy less the validation accuracy. What does not "
        "fit the training set has a small gap and is no good. On a small validation "
        "set several choices come out equal; the first in the table is taken.",
        report.Table(
            ("choice", *accuracies, "test accuracy (%)", "gap (points)"),
            rows,
            "Mean ± standard deviation over groups.",
        ),
        report.Paired(
            f"choosing_{name}",
            {
                "rank correlation with test accuracy": of.correlations(),
                "test accuracy of the choice (%)": of.chosen().mean(axis=-1),
            },
            ("validation accuracy", "small gap"),
            caption=f"Two guides to the choice of hyper-parameters on {name}: how the "
            "order they give to the choices agrees with that of the test accuracies "
            "(Spearman), and the test accuracy of the one they prefer.",
        ),
    )
