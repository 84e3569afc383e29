"""Independent networks, snapshots and averages of trainings of equal length."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from experiments import training
from lec7 import data, ensembles, report, schedules, train, update_rules
from lec7.ensembles import scores

if TYPE_CHECKING:
    from experiments.ensembles import Config

DECAYED, CONSTANT, CYCLES = SCHEDULES = ("decayed", "constant", "cycles")
POLYAK, SWA = AVERAGES = ("Polyak average", "SWA")
MEMBERS = "members"  # independent networks
SEED_STRIDE = 1_000  # between the seeds of two groups
POINTS = "points of test accuracy"
NATS = "nats of test loss"
BAND = "Median over the groups, in a band from the lowest to the highest."


class Trainings(NamedTuple):
    """G groups of networks on one data set, with the scores of its N test examples."""

    ends: Mapping[str, scores.Scores]
    """Schedule -> last networks, the mean of a group [G, N]."""
    members: scores.Scores
    """Ensembles of 1 to M independent networks, decayed rate [G, M, N]."""
    snapshots: Mapping[str, scores.Scores]
    """Schedule -> the last 1 to S snapshots, mean of a group [G, S, N]."""
    averages: Mapping[str, Mapping[str, scores.Scores]]
    """Average -> schedule -> the averaged networks [G, N]."""
    diversity: Mapping[str, np.ndarray]
    """`MEMBERS` or the schedule of snapshots -> disagreement (percent), Q, divergence
    (nats) [3, G]."""
    rises: Mapping[str, np.ndarray]
    """Schedule -> rise of the training loss between neighbours [G], nats."""
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]]
    """Schedule -> updates [T] and training loss of the networks [.., T]."""


def measure(
    config: "Config", study: training.Study, build: training.Build, name: str
) -> Trainings:
    """Train under every schedule and measure what can be averaged."""
    model, kept = study.network(build), config.kept
    look = Look(model, study.dataset, training.chunk(config.model))
    labels = study.dataset.test.labels
    trained = _train(config, study, build, name)
    everyone = _groups(trained[DECAYED], config.members)
    groups = {
        schedule: _groups(population, config.trainings)
        for schedule, population in trained.items()
        if schedule != DECAYED
    } | {DECAYED: [group.part(slice(config.trainings)) for group in everyone]}

    def alone(variables):
        return scores.score(look.logits(variables), labels, each=True).mean(axis=0)

    members = [look.logits(group.variables) for group in everyone]
    snapshots = {
        schedule: [
            jnp.stack([look.logits(one) for one in group.snapshots.values()], axis=1)
            for group in groups[schedule]
        ]
        for schedule in (DECAYED, CYCLES)
    }
    differ = {
        schedule: [
            np.mean([_diversity(of[-kept:], labels) for of in group], axis=0)
            for group in several
        ]
        for schedule, several in snapshots.items()
    } | {MEMBERS: [_diversity(of, labels) for of in members]}
    return Trainings(
        ends=_stacked(groups, lambda group: alone(group.variables)),
        members=scores.stack(
            [scores.by_number(of, labels, each=True) for of in members]
        ),
        snapshots=_stacked(
            snapshots,
            lambda group: scores.stack(
                [scores.by_last(of, labels, each=True) for of in group]
            ).mean(axis=0),
        ),
        averages={
            average: _stacked(
                groups, lambda group, place=place: alone(_averaged(look, group, place))
            )
            for place, average in enumerate(AVERAGES)
        },
        diversity={kind: np.transpose(several) for kind, several in differ.items()},
        rises={
            schedule: np.array([_rise(look, of, kept) for of in groups[schedule]])
            for schedule in (DECAYED, CYCLES)
        },
        curves={key: population.record.curve for key, population in trained.items()},
    )


def _groups(population, size):
    """Return the networks of each group."""
    starts = range(0, len(population.updates), size)
    return [population.part(slice(start, start + size)) for start in starts]


def _stacked(groups, quantity):
    """Return schedule -> the scores of its G groups."""
    return {
        schedule: scores.stack([quantity(group) for group in several])
        for schedule, several in groups.items()
    }


class Look(NamedTuple):
    """A network and the data on which its averages are looked at."""

    model: nn.Module
    dataset: data.Dataset
    size: int
    """Examples at once, where there is BatchNorm."""

    def logits(self, variables: Any, split: str = "test") -> jax.Array:
        """Return the logits [M, N, K] of all members."""
        images = getattr(self.dataset, split).images
        size = self.size if variables.get("batch_stats") else len(images)
        parts = (images[at : at + size] for at in range(0, len(images), size))
        rows = [ensembles.member_logits(self.model, variables, part) for part in parts]
        return jnp.concatenate(rows, axis=1) if len(rows) > 1 else rows[0]

    def refit(self, variables: Any) -> Any:
        """Return networks whose BatchNorm, if any, has statistics of their weights."""
        if not variables.get("batch_stats"):
            return variables
        batches = data.chunks(self.dataset.train, self.size)
        members = [
            train.refit_batch_stats(
                self.model, jax.tree.map(lambda leaf, m=m: leaf[m], variables), batches
            )
            for m in range(len(jax.tree.leaves(variables)[0]))
        ]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)


def _averaged(look, group, place):
    """Return the networks of an average of `AVERAGES`."""
    parts = group.opt_state.inner_state[-len(AVERAGES) :]
    averaged = update_rules.averaged_params(parts[place])
    return look.refit({**group.variables, "params": averaged})


def _rise(look, group, kept):
    """Return how far the loss rises half-way between the last snapshots, nats."""

    def loss(variables):
        labels = look.dataset.train.labels
        return scores.score(look.logits(variables, "train"), labels).loss

    last = list(group.snapshots.values())[-kept:]
    rises = [
        loss(look.refit(jax.tree.map(lambda a, b: (a + b) / 2, one, other)))
        - (loss(one) + loss(other)) / 2
        for one, other in zip(last[:-1], last[1:], strict=True)
    ]
    return float(np.mean(rises))


def make_rule(
    config: "Config", schedule: optax.Schedule
) -> optax.GradientTransformation:
    """Return momentum with weight decay, and both averages beside it."""
    cycle = config.updates // config.cycles
    return optax.chain(
        update_rules.l2_in_loss(config.weight_decay),
        update_rules.momentum(schedule),
        update_rules.polyak_average(config.decay),
        update_rules.stochastic_weight_average(
            config.updates - config.kept * cycle, config.swa_every
        ),
    )


def _train(config, study, build, name):
    cycle, rate = config.updates // config.cycles, config.learning_rate

    def fit(rates, count, name):
        return study.populations(
            build,
            lambda schedule: make_rule(config, schedule),
            rates,
            name=name,
            seeds=[
                SEED_STRIDE * seed + member
                for seed in config.seeds
                for member in range(count)
            ],
            evaluate_every=cycle // config.looks,
            checkpoint_every=4 * config.looks,
            snapshot_every=cycle,
        )

    decayed = {DECAYED: schedules.cosine_decay(rate, steps=config.updates)}
    others = {
        CONSTANT: rate,
        CYCLES: schedules.cyclic_cosine(rate, cycle_steps=cycle),
    }
    return {
        **fit(decayed, config.members, name),
        **fit(others, config.trainings, f"{name}, other schedules"),
    }


@jax.jit
def _differences(logits, labels):
    classes = jnp.argmax(logits, axis=-1)
    return (
        100 * ensembles.disagreement(classes),
        ensembles.q_statistic(classes == labels[None]),
        ensembles.pairwise_kl(logits),
    )


def _diversity(logits, labels):
    """Return disagreement (percent), Q and divergence (nats) of members [M, N, K]."""
    return np.array(_differences(logits, labels), np.float64)


def member_claims(config: "Config", of: Trainings, name: str) -> list[report.Claim]:
    """Decide what is claimed of networks with their own starts."""
    accuracy, loss = of.members
    many, half = config.members, config.members // 2
    say, say_loss = (
        report.Claims(source="lecture, 0:51:33", figure=f"number_{short}_{name}")
        for short in scores.Scores._fields
    )
    return [
        say.paired(
            f"L45.{name}",
            f"On {name}, {many} networks together gain about two per cent over one: "
            "from one point of test accuracy to three.",
            f"{POINTS}, {many} − 1 networks",
            (accuracy[:, -1], accuracy[:, 0]),
            above=1,
            below=3,
        ),
        say_loss.paired(
            f"L45.{name}.loss",
            f"On {name}, {many} networks together have a lower test loss than one.",
            f"{NATS}, {many} − 1 networks",
            (loss[:, -1], loss[:, 0]),
            below=0,
        ),
        say.paired(
            f"L45.{name}.more",
            f"On {name}, more models gain more: {many} networks more than {half} of "
            "them.",
            f"{POINTS}, {many} − {half} networks",
            (accuracy[:, -1], accuracy[:, half - 1]),
            above=0,
        ),
    ]


def snapshot_claims(config: "Config", of: Trainings, name: str) -> list[report.Claim]:
    """Decide what is claimed of the snapshots of one training."""
    one, many = of.ends[DECAYED], config.members
    cyclic, plain = (
        of.snapshots[how].of_size(config.kept) for how in (CYCLES, DECAYED)
    )
    few = min(config.kept, many)
    together, huang = (
        report.Claims(source=source, figure=f"methods_{name}")
        for source in ("lecture, 0:52:14", "Huang et al. 2017, section 4")
    )
    methods, differ = (
        report.Claims(source="lecture, 0:52:34", figure=f"{figure}_{name}")
        for figure in ("methods", "diversity")
    )
    return [
        together.paired(
            f"L46.{name}",
            f"On {name}, the snapshots of one training with a cyclic rate have a "
            "higher test accuracy together than one network after a training as long.",
            f"{POINTS}, snapshots − one network",
            (cyclic.accuracy, one.accuracy),
            above=0,
        ),
        together.paired(
            f"L46.{name}.loss",
            f"On {name}, the snapshots of one training with a cyclic rate have a lower "
            "test loss together than one network after a training as long.",
            f"{NATS}, snapshots − one network",
            (cyclic.loss, one.loss),
            below=0,
        ),
        huang.paired(
            f"L46.{name}.below",
            f"On {name}, snapshots of one training stay below as many networks that "
            "were trained apart: their test accuracy together is lower.",
            f"{POINTS}, {few} networks − {config.kept} snapshots",
            (of.members.of_size(few).accuracy, cyclic.accuracy),
            above=0,
        ),
        differ.mean(
            f"L47.{name}.regions",
            f"On {name}, a cyclic rate sends the snapshots to different regions: "
            "half-way between neighbouring ones the training loss is higher than at "
            "their ends.",
            "nats of training loss, half-way − ends",
            of.rises[CYCLES],
            above=0,
        ),
        differ.paired(
            f"L47.{name}.apart",
            f"On {name}, a cyclic rate sends the snapshots further apart: two of them "
            "disagree on more examples than without cycles.",
            "percent of examples, cycles − no cycles",
            (of.diversity[CYCLES][0], of.diversity[DECAYED][0]),
            above=0,
        ),
        methods.paired(
            f"L47.{name}.cycles",
            f"On {name}, snapshots with a cyclic rate make a better ensemble than "
            "those of a rate that only falls.",
            f"{POINTS}, cycles − no cycles",
            (cyclic.accuracy, plain.accuracy),
            above=0,
        ),
        methods.paired(
            f"L47.{name}.enough",
            f"On {name}, one training is enough: its snapshots come within a point of "
            f"{many} networks.",
            f"{POINTS}, {many} networks − snapshots",
            (of.members.accuracy[:, -1], cyclic.accuracy),
            below=1,
        ),
    ]


def average_claims(of: Trainings, name: str) -> list[report.Claim]:
    """Decide what is claimed of averages of the weights."""
    say = report.Claims(source="lecture, 0:54:23", figure=f"averages_{name}")
    claimed = {
        CONSTANT: (
            "at a constant rate, the average of the weights has a higher test accuracy "
            "than the last weights",
            {"above": 0},
        ),
        DECAYED: (
            "where the rate has decayed, the average of the weights changes the test "
            "accuracy by less than a quarter of a point",
            {"above": -0.25, "below": 0.25},
        ),
    }
    return [
        say.paired(
            f"L50.{name}.{average.partition(' ')[0].lower()}_{schedule}",
            f"On {name}, {text}: {average}.",
            f"{POINTS}, averaged − last weights",
            (after[schedule].accuracy, of.ends[schedule].accuracy),
            **bounds,
        )
        for average, after in of.averages.items()
        for schedule, (text, bounds) in claimed.items()
    ]


def numbers(of: Trainings, name: str) -> report.Section:
    """Show the gain against the number of members."""
    several = {
        "own starts": of.members,
        "cycles": of.snapshots[CYCLES],
        "no cycles": of.snapshots[DECAYED],
    }
    return report.Section(
        f"How many members, on {name}",
        "An ensemble of a size is scored on every choice of neighbours in the group, "
        "so that all members count the same. Where the errors of single members have "
        "the variance v and those of two the correlation c, the error of the mean of M "
        "has the variance `v (c + (1 - c) / M)`: most of the gain comes from the first "
        "few, and what members share stays.",
        *(
            report.Curves(
                f"number_{short}_{name}",
                {
                    group: (np.arange(1, one.loss.shape[1] + 1), getattr(one, short))
                    for group, of_each in several.items()
                    for one in [of_each.mean()]
                },
                ("members", f"test {short} ({unit})"),
                caption=f"Test {short} of ensembles on {name}: of networks with their "
                "own starts, and of snapshots with and without cycles, from the last "
                "one backwards. A rising curve gains from another member.",
                band=BAND,
            )
            for short, unit in (("accuracy", "%"), ("loss", "nats"))
        ),
    )


def diversity(config: "Config", of: Trainings, name: str) -> report.Section:
    """Show how much the members differ."""
    titles = ("disagreement (%)", "Q statistic", "divergence (nats)")
    kinds = (MEMBERS, CYCLES, DECAYED)
    measures = {
        title: [of.diversity[kind][place] for kind in kinds]
        for place, title in enumerate(titles)
    }
    rises = [1e3 * of.rises[schedule] for schedule in (CYCLES, DECAYED)]
    unknown = np.full_like(rises[0], np.nan)
    measures["training loss half-way (1/1000 nats)"] = [unknown, *rises]
    return report.Section(
        f"How members differ, on {name}",
        report.Paired(
            f"diversity_{name}",
            measures,
            ("own starts", "cycles", "no cycles"),
            caption=f"How members differ on the test set of {name}: {config.members} "
            f"networks with their own starts, and {config.kept} snapshots of one "
            "training with and without cycles. Disagreement is the share of examples "
            "to which two give different classes, Q is 1 where they err on the same "
            "examples, and the divergence is that of Kullback and Leibler between two. "
            "The last panel is the training loss at the mean of two neighbouring "
            "snapshots, less the mean of their losses: above zero, there is a barrier "
            "between them.",
        ),
    )


def averages(of: Trainings, name: str) -> report.Section:
    """Show what averaged weights gain over the last ones."""
    shown = (CONSTANT, CYCLES, DECAYED)
    measures = {
        f"{average}: test {short} ({unit})": [
            getattr(after[schedule].less(of.ends[schedule]).mean(), short)
            for schedule in shown
        ]
        for average, after in of.averages.items()
        for short, unit in (("accuracy", "points"), ("loss", "nats"))
    }
    return report.Section(
        f"Averages of the weights, on {name}",
        "At a constant rate the weights wander about a minimum and their average is "
        "nearer to it. A rate that falls brings the weights there by itself, and "
        "leaves the average nothing to do.",
        report.Curves(
            f"training_{name}",
            of.curves,
            ("updates", "training loss (nats)"),
            log="y",
            caption=f"Training loss on {name} under the three schedules.",
            band="Median over networks, in a band from the lowest to the highest.",
        ),
        report.Paired(
            f"averages_{name}",
            measures,
            shown,
            caption="Averaged weights less the last weights of the same training on "
            f"{name}, under three schedules.",
        ),
    )
