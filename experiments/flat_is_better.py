"""Do flatter minima generalise better, when regularisers choose between them?

A network is trained without a regulariser and with weight decay, dropout, SAM, smoothed
labels or shifted inputs, seed by seed from the same start, on the same batches and for
as many updates. Each minimum is then measured without noise, on the plain training set,
and compared with that of the network without: which is sharper, and which is better in
the test? As a loss that falls takes sharpness with it, each is compared once more with
the network without as it was when its training loss was the same. Last, layers are
rescaled, which leaves the function alone.

Run: python launch.py --experiment=flat_is_better

Expected: 4 minutes on two CPU cores; of 38 empirical claims 20 are supported, 10
contradicted and 8 inconclusive. After as many updates the preprint is borne out: the
regularised minima are 1.8 to 35 times sharper by the Fisher-Rao norm, 1.6 to 4.3 times
by SAM's sharpness (those of SAM itself 1.1, inconclusive), and three of five are by
relative flatness. The test accuracy is higher by 0.9 (weight decay), 4.3 (dropout), 5.7
(SAM) and 9.9 points (shifts), and 2.4 lower with smoothed labels. By seven measures the
flatter network is the better in 44 % of the pairs. But the regularised ones fit less:
at the same training loss 2 of 15 are the sharper and 6 the flatter, and the flatter
network is the better in 69 %.

Source: Mason-Williams et al. 2025, arXiv:2510.12451 (preprint); Dinh et al. 2017,
arXiv:1703.04933, theorem 5

Data: mnist1d, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

from experiments import flat_is_better_comparison as comparison
from experiments import flat_is_better_rescaling as rescaling
from experiments import flat_is_better_trainings as trainings
from experiments import minima, tested, training
from lec7 import data, report, runs

NONE = trainings.NONE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """What is trained, and how strongly it is regularised."""

    dataset: str = "mnist1d"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Seeds = tuple(range(10))  # networks of a population, at least 2
    model: training.Model = "mlp"  # network
    # what is compared with no regulariser
    regularisers: runs.Some[trainings.REGULARISERS] = trainings.REGULARISERS
    learning_rate: runs.Positive = 0.1  # step size of SGD, the same for all
    batch_size: runs.Count = 32  # examples an update
    updates: runs.Count = 4_000  # of every training
    looks: runs.Count = 40  # at the network without, of which one has the same loss
    weight_decay: runs.Positive = 3e-4  # of the L2 penalty's gradient
    dropout: runs.Fraction = 0.1  # share of the hidden units
    rho: runs.Positive = 0.3  # radius of SAM
    smoothing: runs.Fraction = 0.05  # share of a label that goes to all classes
    shift: runs.Count = 4  # places by which an input is shifted at the most
    measures: runs.Some[tuple(comparison.MEASURES)] = (
        comparison.LISTED
    )  # of the report card
    # training examples that minima are measured on
    measured_examples: runs.Count = 1_024

    def _check(self):
        if self.updates % self.looks:
            raise ValueError(
                f"updates is {self.updates}; expected a multiple of looks, which is "
                f"{self.looks}"
            )


SMALL = {
    "dataset": "digits",
    "seeds": (0, 1),
    "regularisers": ("dropout", "label smoothing", "shifts"),
    "updates": 8,
    "looks": 2,
    "measures": ("fisher_rao", "hessian_max"),
    "measured_examples": 64,
}


class Findings(NamedTuple):
    """All that was measured."""

    ends: Mapping[str, trainings.Group]
    """By the name of the regulariser, and `NONE`."""
    equal: Mapping[str, trainings.Group]
    """Regulariser -> the networks without, when their training loss was that one's."""
    tested: Mapping[str, tested.Tested]
    """By the name of the regulariser, and `NONE`: what it makes of the test set."""
    rescaled: rescaling.Rescaled | None
    """None where the network has normalised layers."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train with and without every regulariser, and measure the minima."""
    study = training.Study(config, context, ("batch_size",))
    wanted = trainings.recipes(config, study.dataset.num_classes)
    with context.phase("training"):
        trained = {name: _train(config, study, name, of) for name, of in wanted.items()}
    probe = _probe(config, context, study)
    measures = {name: comparison.MEASURES[name] for name in config.measures}

    def look(title, networks, updates, final):
        def measure():
            values = {name: final[name] for name in trainings.WATCHED}
            card = probe.card(networks, title, measures)
            return trainings.Group(values, updates, card)

        return context.once(f"card, {title}", trainings.Group, measure)

    with context.phase("sharpness"):
        ends = {
            name: look(name, minima.members(of), of.updates, of.final)
            for name, of in trained.items()
        }
        equal = {
            name: look(
                f"none, loss of {name}",
                *trainings.at_loss(trained[NONE], trained[name].final["train_loss"]),
            )
            for name in config.regularisers
        }
        rescaled = None
        if config.model == "mlp":
            rescaled = rescaling.measure(probe, minima.members(trained[NONE]))
    answers = {
        name: tested.test(probe.model, minima.members(of), study.dataset.test)
        for name, of in trained.items()
    }
    return Findings(ends, equal, answers, rescaled)


def _train(config, study, name, recipe):
    """Train one population; of that without a regulariser all looks are kept."""
    every = config.updates // config.looks
    return study.population(
        training.named(config.model, needs=tuple(recipe.fields), **recipe.fields),
        recipe.rule,
        name=name,
        batch_size=config.batch_size,
        updates=config.updates,
        evaluate_every=every,
        snapshot_every=every if name == NONE else None,
        augment=recipe.transform,
        watch=("train", "test"),
    )


def _probe(config, context, study):
    """Return what looks at the networks, all without noise."""
    first, size = slice(config.measured_examples), training.chunk(config.model)
    measured = data.Split(*(leaf[first] for leaf in study.dataset.train))
    splits = {"train": measured, "test": study.dataset.test}
    batches = {name: data.chunks(split, size) for name, split in splits.items()}
    model = study.network(training.named(config.model))
    return minima.Probe(model, batches, config.seeds, context.progress)


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show both comparisons."""
    claims = report.family(
        [
            *_better_claims(found),
            *comparison.sharper_claims(found),
            *comparison.flatter_claims(found),
            *(rescaling.claims(found.rescaled) if found.rescaled else []),
        ]
    )
    return report.Report(
        title="Is flat better?",
        summary=_summary(found, claims),
        claims=claims,
        deciding="sharpness",
        sections=[
            _trained(config, found),
            comparison.section(config, found),
            comparison.equal_section(found),
            *([rescaling.section(found.rescaled)] if found.rescaled else []),
        ],
    )


def _better_claims(found):
    say = report.Claims(source=comparison.PREPRINT, figure="accuracies")
    return [
        say.paired(
            f"better.{comparison.identifier(name)}",
            f"With {name} a network generalises better: its test accuracy is higher.",
            f"points of test accuracy, {name} − none",
            tuple(found.tested[each].accuracy() for each in (name, NONE)),
            above=0,
        )
        for name in found.equal
    ]


def _summary(found, claims):
    told = functools.partial(report.by_verdict, claims)
    gains = "better with {}", "worse with {}", "not clearly better with {}"
    flatter = (
        "usually generalises better (in {percent} of pairs)",
        "usually generalises worse (better in {percent} of pairs)",
        "does not clearly generalise better (in {percent} of pairs)",
    )
    better = {f"better.{comparison.identifier(name)}": name for name in found.equal}
    sharper = {False: [], True: []}
    for claim in claims:
        if claim.id.startswith("sharper."):
            sharper[claim.id.endswith(comparison.EQUAL)].append(claim.verdict)
    at_end, equal = "flatter_is_better", "flatter_is_better.equal_loss"
    return (
        "After as many updates, the flatter of a regularised and a plain network "
        f"{told(at_end, *flatter)}; at the same training loss it "
        f"{told(equal, *flatter)}."
        "\n\nThe network generalises "
        + report.group_by_verdict(claims, better, *gains)
        + f". Of {len(sharper[False])} comparisons by {len(comparison.CLAIMED)} "
        "measures, the regularised minimum is "
        + ", and ".join(
            f"the sharper in {of.count('supported')} and the flatter in "
            f"{of.count('contradicted')} "
            f"{comparison.AT_EQUAL if equal else comparison.AT_END}"
            for equal, of in sharper.items()
        )
        + "."
    )


def _strengths(config):
    return {
        "weight decay": f"{config.weight_decay:g}",
        "dropout": f"{config.dropout:g} of the hidden units",
        "SAM": f"radius {config.rho:g}",
        "label smoothing": f"{config.smoothing:g} of a label",
        "shifts": f"up to {config.shift} places",
    }


def _trained(config, found):
    strengths = _strengths(config)
    rows = [
        (name, strengths.get(name, "–"))
        + (100 * of.final["train_accuracy"], of.final["train_loss"])
        + (100 * of.final["test_accuracy"], of.final["test_loss"])
        for name, of in found.ends.items()
    ]
    return report.Section(
        "Training and test",
        f"All networks are trained for {config.updates:,} updates of "
        f"{config.batch_size} examples by SGD at the rate {config.learning_rate:g}, "
        "from the same starts and on the same batches. Strengths were chosen by the "
        "validation accuracy of networks of other seeds.",
        report.Table(
            ("regulariser", "strength", "train (%)", "training loss (nats)")
            + ("test (%)", "test loss (nats)"),
            rows,
            "Mean ± standard deviation over seeds, without noise.",
        ),
        report.Forest(
            "accuracies",
            list(found.equal),
            {
                "after as many updates": [
                    comparison.gain(found, name) for name in found.equal
                ],
                "at the same training loss": [
                    comparison.gain(found, name, equal=True) for name in found.equal
                ],
            },
            "test accuracy gained (points)",
            reference=0,
            caption="What each regulariser gains, paired by seed: means with their "
            "95 % intervals.",
        ),
    )
