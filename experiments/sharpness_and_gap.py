"""Which measure of sharpness ranks networks by their generalisation gap?

A network is trained for every combination of a batch size, a dropout rate, a learning
rate, a weight decay and a seed, all to the same training loss. Each has its report card
of sharpness taken, and each measure is judged by Kendall's tau between it and the gap
between training and test accuracy. Claims are made along one hyper-parameter at a time
(the granulated coefficient of Jiang et al.); what they come to over all of them, and
between seeds alone, is shown.

Run: python launch.py --experiment=sharpness_and_gap

Expected: 5 minutes on two CPU cores; of 25 claims 1 is supported, 2 are contradicted,
12 inconclusive and 10 untested. Along the learning rate the trace rises with the gap;
along the batch size nothing is decided. Along dropout four of five measures rise with
the gap (tau 0.96) and the Fisher-Rao norm falls (-0.75), but what is left of the
training loss, which should rank nothing, follows it too (0.60), as it does along weight
decay (-0.66): these decide nothing about sharpness.

Source: lecture, 0:32:05 (L20); Jiang et al. 2020, arXiv:1912.02178, sections 2 and 4;
Dinh et al. 2017, arXiv:1703.04933.

Data: digits, or any other by name or path
"""

import dataclasses
import functools
import itertools
import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np
import optax

from experiments import minima, training
from experiments import sharpness_and_gap_ranks as ranks
from lec7 import data, report, runs, sharpness, update_rules


def _between(low: float, high: float) -> runs.Range:
    return runs.Range(
        f"one or more from {low:g} to {high:g}",
        lambda values: bool(values) and all(low <= value <= high for value in values),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """The grid of networks, and how they are trained."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    # examples trained on, the first ones; few, so that gaps vary
    train_examples: Annotated[int, runs.at_least(16)] = 192
    seeds: runs.Seeds = tuple(range(8))  # networks of a combination, at least 2
    # examples an update
    batch_sizes: Annotated[tuple[int, ...], _between(1, np.inf)] = (8, 32, 128)
    # probability of dropping a hidden unit, which a ResNet does not
    dropouts: Annotated[tuple[float, ...], _between(0, 0.999)] = (0.0, 0.5)
    learning_rates: runs.Positives = (0.03, 0.1)  # step sizes
    # rates of the L2 penalty's gradient
    weight_decays: Annotated[tuple[float, ...], _between(0, np.inf)] = (0.0, 0.005)
    model: training.Model = "mlp"  # network
    width: runs.Count = 64  # units of each of the two hidden layers, of an mlp
    # those to take
    measures: runs.Some[tuple(sharpness.MEASURES)] = tuple(sharpness.MEASURES)
    stop_loss: runs.Positive = 0.02  # training loss at which a network is done, nats
    max_steps: runs.Count = 5_000  # updates at the most
    evaluate_every: runs.Count = 8  # updates between two looks at the training loss

    def _check(self):
        if all(len(values) < 2 for values in _axes(self).values()):
            raise ValueError(
                "batch_sizes, dropouts, learning_rates and weight_decays have one "
                "value each; expected two or more of one of them"
            )


SMALL = {
    "seeds": (0, 1),
    "train_examples": 64,
    "batch_sizes": (16, 64),
    "dropouts": (0.0,),
    "learning_rates": (0.1,),
    "weight_decays": (0.0,),
    "width": 8,
    "measures": ("hessian_max", "fisher_rao"),
    "stop_loss": 1.0,
    "max_steps": 64,
}


class Findings(NamedTuple):
    """What was found, arrays [batch size, dropout, rate, decay, seed]."""

    final: Mapping[str, np.ndarray]
    """Loss and accuracy of each split, and `updates`."""
    measures: Mapping[str, np.ndarray]
    """Name of a measure, or of a control in `ranks.TITLES` -> its values."""
    invariant: Mapping[str, bool]
    """Name of a measure -> whether it is the same after a rescaling of layers."""
    costs: Mapping[str, float]
    """Name of a measure -> gradients it took, the mean over networks."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train the grid, and take all report cards."""
    study = training.Study(config, context, ("batch_sizes",))
    study.keep(config.train_examples, field="train_examples", test_with_rest=True)
    with context.phase("training"):
        populations = {
            f"batch {size} dropout {dropout:g}": _train(config, study, size, dropout)
            for size, dropout in itertools.product(config.batch_sizes, config.dropouts)
        }
    with context.phase("sharpness"):
        cards = _cards(config, context, study, populations)
    shape = (*map(len, _axes(config).values()), len(config.seeds))

    def gathered(rows):
        return np.concatenate(rows).reshape(shape)

    trained = populations.values()
    final = {
        name: gathered([of.final[name] for of in trained])
        for name in next(iter(trained)).final
    }
    measures = {
        name: gathered([card.values[name] for card in cards])
        for name in cards[0].values
    }
    return Findings(
        final=final | {"updates": gathered([of.updates for of in trained])},
        measures=measures
        | {
            "training_loss": final["train_loss"],
            "parameter_norm": gathered([minima.lengths(of) for of in trained]),
        },
        invariant=cards[0].invariant,
        costs={
            name: float(np.mean([card.costs[name] for card in cards]))
            for name in cards[0].costs
        },
    )


def _axes(config):
    """Return the hyper-parameters of the grid, each with its values."""
    return {
        "batch size": config.batch_sizes,
        "dropout": config.dropouts,
        "learning rate": config.learning_rates,
        "weight decay": config.weight_decays,
    }


def _members(config):
    """Return rate, decay and seed of each member of a population."""
    return list(
        itertools.product(config.learning_rates, config.weight_decays, config.seeds)
    )


def _build(config, dropout=0.0):
    needs = ("dropout",) if any(config.dropouts) else ()
    widths = (config.width,) * 2
    return training.named(config.model, needs=needs, widths=widths, dropout=dropout)


def _kind(config):
    if config.model == "mlp":
        return f"networks with two hidden layers of {config.width} units"
    return f"networks of the kind {config.model}"


def _rule(learning_rate, weight_decay):
    decay = update_rules.l2_in_loss(weight_decay)
    return optax.chain(decay, update_rules.sgd(learning_rate))


def _train(config, study, batch_size, dropout):
    rates, decays, seeds = zip(*_members(config), strict=True)
    return study.population(
        _build(config, dropout),
        optax.inject_hyperparams(_rule)(learning_rate=0.0, weight_decay=0.0),
        name=f"batch {batch_size} dropout {dropout:g}",
        batch_size=batch_size,
        updates=config.max_steps,
        seeds=seeds,
        hyperparams={"learning_rate": rates, "weight_decay": decays},
        evaluate_every=config.evaluate_every,
        stop_loss=config.stop_loss,
    )


def _cards(config, context, study, populations):
    """Return the report card of each population."""
    seeds = [seed for _, _, seed in _members(config)]
    size = training.chunk(config.model)
    batches = {"train": data.chunks(study.dataset.train, size)}
    model = study.network(_build(config))
    probe = minima.Probe(model, batches, seeds, context.progress)
    measures = {name: sharpness.MEASURES[name] for name in config.measures}

    def card(population, title):
        return probe.card(minima.members(population), f"sharpness, {title}", measures)

    return [
        context.once(title, minima.Card, functools.partial(card, population, title))
        for title, population in populations.items()
    ]


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    gaps = _gaps(config, found.final)
    judged = ranks.judge(found.measures, gaps)
    axes = _axes(config)
    claims = report.family(
        ranks.claims(judged, found.invariant, axes, _missed(config, found.final))
    )
    return report.Report(
        title="Sharpness and the generalisation gap",
        summary=_summary(axes, claims),
        claims=claims,
        sections=[
            ranks.section(judged, found.invariant, found.costs),
            ranks.one_by_one(judged, axes),
            _networks(config, found.final, gaps),
            _every_network(config, found.measures, gaps["accuracy"]),
        ],
    )


def _gaps(config, final):
    """Return the gap by accuracy, train - test, in points, and by loss, in nats."""
    done = final["train_loss"] <= config.stop_loss
    gaps = {
        "accuracy": 100 * (final["train_accuracy"] - final["test_accuracy"]),
        "loss": final["test_loss"] - final["train_loss"],
    }
    return {name: np.where(done, gap, np.nan) for name, gap in gaps.items()}


def _missed(config, final):
    """Say how many networks did not reach the loss at which all are compared."""
    missed = int(np.sum(final["train_loss"] > config.stop_loss))
    return f"{missed} networks did not reach the training loss" if missed else None


def _summary(axes, claims):
    """Name the measures that rank the gap along most hyper-parameters."""
    groups = functools.partial(report.group_by_verdict, claims)
    ids = {axis: axis.replace(" ", "_") for axis, of in axes.items() if len(of) > 1}
    verdicts = {claim.id: claim.verdict for claim in claims}
    names = dict.fromkeys(
        id.rpartition(".")[2] for id in verdicts if id.startswith("L20.")
    )
    held = {
        name: sum(verdicts[f"L20.{id}.{name}"] == "supported" for id in ids.values())
        for name in names
    }
    most = max(held.values(), default=0)
    title = {name: re.split(r",| \(", ranks.TITLES[name])[0] for name in names}
    best = report.listing([title[name] for name in names if held[name] == most])
    told = [
        f"Along the {axis} the gap "
        + groups(
            {f"L20.{id}.{name}": title[name] for name in names},
            "grows with the {}",
            "falls with the {}",
            "does not clearly grow with the {}",
        )
        + "."
        for axis, id in ids.items()
        if names
    ]
    control = groups(
        {f"equal_loss.{id}": axis for axis, id in ids.items()},
        "nothing along the {}",
        "the gap too along the {}",
        "perhaps the gap along the {}",
    )
    answer = (
        "Networks with the larger generalisation gap are the sharper ones by the "
        f"{best} along {most} of {len(ids)} hyper-parameters, and by no measure along "
        "more."
        if most
        else "No measure is shown to rank networks by their generalisation gap."
    )
    text = (
        f"{answer}\n\n{' '.join(told)}"
        "\n\nThe training loss at which they stopped, which should rank nothing, ranks "
        f"{control}."
    )
    if "Dinh" not in verdicts:
        return text
    words = "rank it better", "rank it worse", "are not shown to rank it better"
    survive = report.by_verdict(claims, "Dinh", *words)
    return (
        f"{text}\n\nMeasures which survive a rescaling of the layers {survive} than "
        "those which do not."
    )


def _networks(config, final, gaps):
    done = np.isfinite(gaps["accuracy"])
    columns = {
        "updates": final["updates"],
        "training loss (nats)": final["train_loss"],
        "test accuracy (%)": 100 * final["test_accuracy"],
        "accuracy gap (points)": gaps["accuracy"],
        "loss gap (nats)": gaps["loss"],
    }

    def cells(axis, place):
        chosen = np.take(done, place, axis)
        return [np.take(column, place, axis)[chosen] for column in columns.values()]

    return report.Section(
        "The networks",
        f"{done.size} {_kind(config)}, one for each value of every hyper-parameter "
        f"below and each of {len(config.seeds)} seeds, were trained by SGD on "
        f"{config.train_examples} examples until the training loss was at most "
        f"{config.stop_loss:g} nats. {int(done.sum())} of them reached it within "
        f"{config.max_steps:,} updates; the others are left out. The test set is all "
        "that was neither trained on nor in the validation split.",
        report.Table(
            ("networks with", *columns),
            [
                (f"{name} {value:g}", *cells(axis, place))
                for axis, (name, values) in enumerate(_axes(config).items())
                for place, value in enumerate(values)
            ],
            "Mean ± standard deviation over all networks that share the value.",
        ),
    )


def _every_network(config, measures, gap):
    axis = _widest(gap)
    name, values = list(_axes(config).items())[axis]
    return report.Section(
        "Every network",
        report.Scatter(
            "networks",
            {
                ranks.TITLES[measure]: np.moveaxis(each, axis, 0)
                for measure, each in measures.items()
            },
            np.moveaxis(gap, axis, 0),
            [f"{name} {value:g}" for value in values],
            "accuracy gap (points)",
            log=True,
            caption="Every network: the accuracy gap against each measure, on a "
            "logarithmic axis. Colours show the hyper-parameter that changes the "
            "gap most.",
        ),
    )


def _widest(gap):
    """Return the hyper-parameter between whose values the mean gap differs most."""
    known = np.ma.masked_invalid(gap)
    places = range(gap.ndim)
    means = [
        known.mean(axis=tuple(place for place in places if place != axis))
        for axis in places[:-1]
    ]
    return int(
        np.argmax([np.ptp(of.compressed()) if of.count() else 0 for of in means])
    )
