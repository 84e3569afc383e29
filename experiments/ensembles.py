"""What do several networks know together that one does not, and at what cost?

Groups of ten networks vote by the mean of their probabilities. Against them stand
ensembles and averages from a single training of the same length: its snapshots, with a
cyclic rate and without, the Polyak average of its weights, and SWA. A grid of sizes,
rates and weight decays says whether members may differ, and by what to choose them.

Run: python launch.py --experiment=ensembles

Expected: 5 minutes on two CPU cores; of 36 claims 18 are supported, 6 contradicted, 11
inconclusive and 1 untested. Ten networks gain 5.8 points of test accuracy over one on
glyphs (5.2 to 6.4) and 2.3 on MNIST-1D (1.4 to 3.2); on both their loss is lower. Four
snapshots of one training have a lower loss than one network on MNIST-1D, and are not
shown to be more accurate on either. At a constant rate an average of the weights gains
7 points over the last weights on glyphs and 4 on MNIST-1D; where the rate has decayed,
nothing.

Source: lecture, 0:51:33 to 0:54:23 (L45 to L50); Huang et al. 2017, arXiv:1704.00109;
Izmailov et al. 2018, arXiv:1803.05407

Data: mnist1d and glyphs, or any others by name or path
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from experiments import ensembles_mixture as mixture
from experiments import ensembles_trainings as trainings
from experiments import training
from lec7 import report, runs
from lec7.ensembles import scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which networks are averaged, and how they are trained."""

    # names of data sets, of lec7 or of TFDS, or paths
    dataset: tuple[str, ...] = ("mnist1d", "glyphs/grey14-3000")
    seeds: runs.Seeds = tuple(range(8))  # groups of networks, at least 2
    members: runs.Several = 10  # networks of a group, at least 2
    # of these, the ones trained with a constant and with a cyclic rate as well
    trainings: runs.Count = 3
    model: training.Model = "mlp"  # network
    width: runs.Count = 64  # hidden units of an mlp
    learning_rate: runs.Positive = 0.06  # first step size
    weight_decay: float = 1e-3  # of the L2 penalty in the loss
    batch_size: runs.Count = 32  # examples an update
    updates: runs.Count = 3_000  # of every training, a multiple of cycles x looks
    cycles: runs.Several = 6  # of the cyclic rate, each of which ends in a snapshot
    kept: runs.Several = 4  # snapshots of an ensemble, the last ones; at least 2
    looks: runs.Count = 2  # at the training loss in a cycle
    decay: float = 0.99  # of the Polyak average, the share that an update keeps
    swa_every: runs.Count = 10  # updates between two weights that SWA averages
    widths: tuple[int, ...] = (16, 64)  # hidden units of the mlps that differ
    rates: tuple[float, ...] = (0.015, 0.06, 0.12)  # first step sizes of these
    decays: tuple[float, ...] = (0.0, 1e-3, 1e-2)  # weight decays of these

    def _check(self):
        training.short_names(self.dataset)
        if self.trainings > self.members:
            raise ValueError(
                f"trainings is {self.trainings}; expected at most members, which is "
                f"{self.members}"
            )
        if self.kept > self.cycles:
            raise ValueError(
                f"kept is {self.kept}; expected at most cycles, which is {self.cycles}"
            )
        if self.updates % (self.cycles * self.looks):
            raise ValueError(
                f"updates is {self.updates}; expected a multiple of cycles times "
                f"looks, which is {self.cycles * self.looks}"
            )
        choices = len(mixture.choices(self))
        if choices < self.members and self.model == "mlp":
            raise ValueError(
                f"widths, rates and decays make {choices} choices; expected at least "
                f"members, which is {self.members}"
            )


SMALL = {
    "dataset": ("digits",),
    "seeds": (0, 1),
    "members": 2,
    "trainings": 1,
    "width": 8,
    "updates": 12,
    "cycles": 3,
    "kept": 2,
    "looks": 1,
    "widths": (4,),
    "rates": (0.03, 0.1),
    "decays": (0.0,),
}


class Findings(NamedTuple):
    """All that was measured, by the name of a data set without its config."""

    alike: Mapping[str, trainings.Trainings]
    mixtures: Mapping[str, mixture.Mixture]


def run(config: Config, context: runs.Context) -> Findings:
    """Train all networks and average them in every way."""
    build = training.named(config.model, widths=(config.width,))
    alike, mixtures = {}, {}
    for name, dataset in training.short_names(config.dataset).items():
        study = training.Study(config, context, ("batch_size",), dataset=dataset)
        with context.phase("training"):
            alike[name] = trainings.measure(config, study, build, name)
            mixtures[name] = mixture.measure(config, context, study, name)
    return Findings(alike, mixtures)


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    studied = [
        (alike, found.mixtures[name], name) for name, alike in found.alike.items()
    ]
    claims = report.family(
        [claim for each in studied for claim in _claims(config, *each)]
    )
    return report.Report(
        title="Ensembles and averages",
        summary=_summary(config, found, claims),
        claims=claims,
        sections=[
            _setting(config),
            *[section for each in studied for section in _sections(config, *each)],
        ],
    )


def _claims(config, alike, mixed, name):
    return [
        *trainings.member_claims(config, alike, name),
        *trainings.snapshot_claims(config, alike, name),
        *mixture.claims(config, mixed, alike, name),
        *trainings.average_claims(alike, name),
    ]


def _sections(config, alike, mixed, name):
    return [
        _gains(config, alike, mixed, name),
        trainings.numbers(alike, name),
        trainings.diversity(config, alike, name),
        trainings.averages(alike, name),
        mixture.choosing(config, mixed, name),
    ]


def _summary(config, found, claims):
    effects = report.effects(claims)

    def groups(id, *words, number=True):
        names = {
            id.format(of): f"{of} ({effects[id.format(of)]})" if number else of
            for of in found.alike
        }
        return report.group_by_verdict(claims, names, *words)

    loss = groups(
        "L45.{}.loss",
        "lower on {}",
        "higher on {}",
        "not clearly lower on {}",
        number=False,
    )
    two = groups("L45.{}", "right on {}", "wrong on {}", "not decided on {}")
    gains = "gain on {}", "lose on {}", "neither gain nor lose clearly on {}"
    more = [f"{effects[f'L45.{of}']} points on {of}" for of in found.alike]
    one = [
        f"{report.format_spread(alike.members.mean().accuracy[:, 0])} % on {name}"
        for name, alike in found.alike.items()
    ]
    return (
        f"Compared with one network, {config.members} together have a test loss that "
        f"is {loss}; their test accuracy is higher by {report.listing(more)}."
        "\n\nThe lecture says that they gain about two points, between one and three: "
        f"that is {two}."
        f"\n\nOne network has a test accuracy of {report.listing(one)}. In points of "
        "it, the snapshots of one training with a cyclic rate, against one network "
        f"after a training as long, {groups('L46.{}', *gains)}."
        "\n\nAt a constant rate the mean weights, against the last ones, "
        f"{groups('L50.{}.swa_constant', *gains)}."
    )


def _setting(config):
    return report.Section(
        "How the trainings compare",
        f"Every training makes {config.updates:,} updates with momentum. Its rate "
        "falls along one cosine (decayed), stays (constant), or falls along a cosine "
        f"in each of {config.cycles} cycles; momentum is not reset at a restart. The "
        f"last {config.kept} snapshots, at the ends of the cycles or at the same "
        "updates without cycles, make an ensemble: the mean of their probabilities. "
        "SWA averages the weights over the same part of the training.\n\nRate, weight "
        "decay and updates were chosen after pilot runs on glyphs. Without weight "
        "decay the training loss comes so near to zero that no gradient is left to "
        "move the snapshots apart. With a rate of 0.1 the cycles do more, two points "
        "from the last snapshot to the last four, but those reach 79.8 %, where one "
        f"network at a rate of 0.06 has 81.0 %.\n\nA group has {config.members} "
        "networks with their own starts and batches. What a single training comes to "
        f"is the mean over the first {config.trainings} of a group, from the same "
        "starts on the same batches under every schedule. Claims on the test are over "
        "groups and test examples, those on the training set and on rank correlations "
        "over groups; the training set is one. The bounds in the claims are our "
        "reading of the lecture's words: one point to three for about two per cent, a "
        "point for enough, half a point for no worse. Where one network errs on less "
        "than two per cent, no ensemble can gain two.",
    )


class Method(NamedTuple):
    """What a method gains over one network after a training as long, and its cost."""

    trainings: int
    passes: int
    """Forward passes of a test, each through weights of its own."""
    gain: scores.Scores
    """[G]."""


def _methods(config, alike, mixed):
    """Return name -> method."""
    one, many = alike.ends[trainings.DECAYED], config.members
    few = mixture.members(config)
    last = {how: of.of_size(config.kept) for how, of in alike.snapshots.items()}
    every = {
        f"{many} networks": (many, many, alike.members.of_size(many)),
        f"{few} mixed": (len(mixture.choices(config)), few, mixed.mixed),
        "snapshots, cycles": (1, config.kept, last[trainings.CYCLES]),
        "snapshots, no cycles": (1, config.kept, last[trainings.DECAYED]),
    } | {
        f"{average}, {schedule}": (1, 1, after[schedule])
        for average, after in alike.averages.items()
        for schedule in (trainings.DECAYED, trainings.CONSTANT)
    }
    return {
        name: Method(trained, passes, scored.less(one).mean())
        for name, (trained, passes, scored) in every.items()
    }


def _gains(config, alike, mixed, name):
    methods = _methods(config, alike, mixed)
    shown = [method.gain for method in list(methods.values())[:4]]
    return report.Section(
        f"Gains and their cost on {name}",
        "A training is counted in updates and a test in forward passes, each through "
        "weights of its own. An average costs a copy of the weights while it is taken; "
        "with BatchNorm it would cost a pass through the training set for every such "
        "layer as well.",
        _costs(config, alike.ends[trainings.DECAYED].mean(), methods),
        report.Paired(
            f"methods_{name}",
            {
                "gain of test accuracy (points)": [gain.accuracy for gain in shown],
                "change of test loss (nats)": [gain.loss for gain in shown],
            },
            ("alike", "mixed", "cycles", "no cycles"),
            caption=f"Ensembles on {name} against one network after a training as "
            f"long: {config.members} networks of the same kind, "
            f"{mixture.members(config)} mixed ones, and {config.kept} snapshots with "
            "and without cycles.",
        ),
    )


def _costs(config, one, methods):
    header = ("method", "trainings", "updates", "test passes")
    rows = [
        (
            "one network",
            1,
            config.updates,
            1,
            f"{report.format_spread(one.accuracy)} %",
            f"{report.format_spread(one.loss)} nats",
        )
    ] + [
        (
            name,
            method.trainings,
            method.trainings * config.updates,
            method.passes,
            _change(method.gain.accuracy, places=2),
            _change(method.gain.loss, places=4),
        )
        for name, method in methods.items()
    ]
    return report.Table(
        (*header, "test accuracy (points)", "test loss (nats)"),
        rows,
        "Mean ± standard deviation over groups; below the first row, changes against "
        "one network.",
    )


def _change(values, *, places):
    """Return mean and sample standard deviation, the mean with its sign."""
    mean, deviation = values.mean(), values.std(ddof=1)
    return f"{mean:+.{places}f} ± {deviation:.{places}f}".replace("-", "−")
