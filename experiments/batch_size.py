"""One example at a time, a few, or all at once: which batch size learns best?

A network descends with batches of one example, of a few, and of all examples: at one
learning rate for all, and each at the best of the same list. What an epoch costs is
counted in updates and timed in seconds. The noise of a mini-batch gradient is measured
against its formula, and a small problem whose loss has local minima shows what noise
is good for.

Run: python launch.py --experiment=batch_size

Expected: 3 minutes on two CPU cores; of 13 empirical claims 10 are supported, 2
contradicted and 1 inconclusive. At one rate, single examples need 1.6 times the updates
of all at once; the noise is what the formula says, to within 1 %; and single examples
find the global optimum more often than all do.

Source: lecture, 0:21:13 (L07); introductions to stochastic, batch and mini-batch
gradient descent (G01 to G05, D03)

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np

from experiments import batch_size_cost as cost
from experiments import batch_size_escapes as escapes
from experiments import batch_size_noise as noise
from experiments import training
from lec7 import losses, report, runs, train, update_rules

ONE, MINI, ALL = GROUPS = ("one example", "mini-batch", "all examples")
LECTURE = "lecture, 0:21:13"
GUIDE = "introduction to stochastic, batch and mini-batch gradient descent"
OPTIMISATION = "introduction to optimisation and gradient descent"
BAND = "Median over the networks that still train, in a band from lowest to highest."
LOSS = "training loss (nats)"
AT_MEDIAN = " at the median time of an update"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which batches, for how long, and how closely they are looked at."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Seeds = tuple(range(10))  # networks of a population, at least 2
    model: training.Model = "mlp"  # network
    width: runs.Count = 32  # hidden units of an mlp
    mini_batch: runs.Several = 32  # examples an update, between one and all
    # step size for all batch sizes, one of `rates`
    learning_rate: runs.Positive = 0.03
    # step sizes of which each batch size gets its best
    rates: runs.Positives = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    target: runs.Positive = 0.1  # training loss at which a network is done, nats
    updates: runs.Count = 1536  # updates at the most, unless `epochs` are more
    # passes through the data at the most, unless `updates` are more
    epochs: runs.Count = 4
    evaluate_every: runs.Count = 8  # updates between two looks at the training loss
    draws: runs.Several = 512  # batches of each size for the gradient noise
    repeats: runs.Several = 25  # timings of each batch size
    # samples of the problem with local minima
    examples: Annotated[int, runs.at_least(17)] = 100
    starts: runs.Several = 32  # descents on it, a seed and batch size
    local_rate: runs.Positive = 0.4  # step size on it
    local_updates: runs.Count = 1000  # updates on it

    def _check(self):
        if self.learning_rate not in self.rates:
            raise ValueError(
                f"rates is {self.rates}; expected learning_rate, which is "
                f"{self.learning_rate}, among them"
            )


SMALL = {
    "seeds": (0, 1),
    "width": 8,
    "rates": (0.03, 0.3),
    "target": 1.8,
    "updates": 64,
    "epochs": 1,
    "evaluate_every": 16,
    "draws": 8,
    "repeats": 2,
    "examples": 20,
    "starts": 4,
    "local_updates": 20,
}


class Findings(NamedTuple):
    """All that was measured."""

    sizes: Mapping[str, int]
    """Group -> examples an update."""
    trained: Mapping[str, Mapping[float, train.Record]]
    """Group -> learning rate -> training."""
    counts: Mapping[str, np.ndarray]
    """Group -> updates an epoch of the problem with local minima, int [M]."""
    noise: noise.Noise
    escapes: escapes.Descents
    timed: cost.Timed


def run(config: Config, context: runs.Context) -> Findings:
    """Train with every batch size, and measure noise and time.

    One example cannot be divided, so all runs on the first device.
    """
    context = dataclasses.replace(context, devices=context.devices[:1])
    study = training.Study(config, context)
    # Without BatchNorm, whose examples have no gradients of their own.
    build = training.named(
        config.model, needs=("batch_norm",), widths=(config.width,), batch_norm=False
    )
    sizes = _sizes(config, len(study.dataset.train.labels))
    with context.phase("training"):
        trained = {
            name: _train(config, study, build, name, size)
            for name, size in sizes.items()
        }
    with context.phase("timing"):
        timed = _time(config, study, build, sizes)
    with context.phase("gradient noise"):
        done = trained[MINI][config.learning_rate].variables["params"]
        found = _noise(config, study, build, done)
    with context.phase("local minima"):
        descents = escapes.measure(
            config.local_rate,
            seeds=config.seeds,
            examples=config.examples,
            starts=config.starts,
            updates=config.local_updates,
        )
    return Findings(
        sizes=sizes,
        trained={
            name: {rate: of.record for rate, of in several.items()}
            for name, several in trained.items()
        },
        counts={name: _count(config, size) for name, size in sizes.items()},
        noise=found,
        escapes=descents,
        timed=timed,
    )


def _sizes(config, count):
    if config.mini_batch >= count:
        raise runs.UsageError(
            f"--config.mini_batch={config.mini_batch}: expected less than the {count} "
            f"examples of {config.dataset}"
        )
    return dict(zip(GROUPS, (1, config.mini_batch, count), strict=True))


def _train(config, study, build, name, size):
    epoch = len(study.dataset.train.labels) // size
    return study.populations(
        build,
        update_rules.sgd,
        {rate: rate for rate in config.rates},
        name=name,
        batch_size=size,
        updates=max(config.updates, config.epochs * epoch),
        checkpoint_every=64,
        stop_loss=config.target,
    )


def _time(config, study, build, sizes):
    powers = (16**power for power in range(5))
    most = max(sizes.values())
    return cost.measure(
        study,
        study.network(build),
        update_rules.sgd(config.learning_rate),
        sorted({*sizes.values(), *(size for size in powers if size < most)}),
        seed=config.seeds[0],
        repeats=config.repeats,
    )


def _noise(config, study, build, done):
    model = study.network(build)
    metrics = train.batch_metrics(model, losses.cross_entropy)
    start = train.initial_population(
        study.initialise(model), update_rules.sgd(config.learning_rate), config.seeds
    )
    return noise.measure(
        lambda params, batch: metrics({"params": params}, batch)["loss"],
        {"at the start": start.params, "when done": done},
        study.dataset.train,
        seeds=config.seeds,
        draws=config.draws,
    )


def _count(config, size):
    size = min(size, config.examples)
    return np.array(
        [
            cost.updates_an_epoch(seed, batch_size=size, examples=config.examples)
            for seed in config.seeds
        ]
    )


class Compared(NamedTuple):
    """One training of each batch size, by the name of the group."""

    rates: Mapping[str, float]
    records: Mapping[str, train.Record]
    updates: Mapping[str, np.ndarray]
    """To the target [M], NaN where it was not reached."""
    seconds: Mapping[str, np.ndarray]
    """The same, at the median time of an update."""


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    equal = _compared(config, found, dict.fromkeys(GROUPS, config.learning_rate))
    best = _compared(
        config, found, {name: _best_rate(config, found, name) for name in GROUPS}
    )
    claims = report.family(
        [
            *_longer_claims(equal),
            *noise.claims(found.noise),
            *_cost_claims(config, found, equal),
            *escapes.claims(found.escapes, config.local_rate, GUIDE),
            *_loss_claims(equal),
            *_speed_claims(config, best),
        ]
    )
    return report.Report(
        title="Batch size",
        summary=_summary(claims),
        claims=claims,
        deciding="per_second_best",
        sections=[
            cost.section(found.timed, found.sizes, found.counts, config.examples),
            _equal(config, found, equal),
            _best(config, found, best),
            noise.section(found.noise),
            escapes.section(found.escapes, config.local_rate),
        ],
    )


def _summary(claims):
    told = functools.partial(report.by_verdict, claims)
    effects = report.effects(claims)
    likely = "likelier (by {} points)", "less likely", "not clearly likelier"
    fast = "{} times as fast as", "slower than", "not clearly faster than"
    return (
        f"Each at its best rate, mini-batches are {told('D03', *fast)} all examples at "
        f"once and {told('D03.than_one', *fast)} single examples."
        f"\n\nWith single examples an epoch takes {effects['G04.parallel']} times as "
        "long as with all at once. On a loss with local minima, a descent with single "
        f"examples is {told('G03', *likely)} to leave one than a descent with all."
    )


def _compared(config, found, rates):
    records = {name: found.trained[name][rates[name]] for name in GROUPS}
    updates = {name: _to_target(config, record) for name, record in records.items()}
    seconds = {name: _second(found, name) * updates[name] for name in GROUPS}
    return Compared(rates, records, updates, seconds)


def _to_target(config, record):
    reached = record.final["train_loss"] <= config.target
    return np.where(reached, record.updates, np.nan)


def _second(found, name):
    return float(np.median(found.timed.update(found.sizes[name])))


def _best_rate(config, found, name):
    """Return the rate that reaches the target in the fewest updates on average."""
    several = found.trained[name]

    def order(rate):
        record = several[rate]
        missed = np.isnan(_to_target(config, record)).sum()
        final = np.nan_to_num(record.final["train_loss"], nan=np.inf)
        return missed, record.updates.mean(), final.mean()

    return min(several, key=order)


def _longer_claims(equal):
    say = report.Claims(source=LECTURE, figure="per_update")
    return [
        say.ratio(
            id,
            f"Noise makes the way longer: at one rate, {what} needs more updates to "
            "reach the same training loss than all examples do.",
            f"updates, {name} / all examples",
            (equal.updates[name], equal.updates[ALL]),
            above=1,
        )
        for id, name, what in (
            ("L07", ONE, "one example at a time"),
            ("L07.mini_batch", MINI, "a mini-batch"),
        )
    ]


def _cost_claims(config, found, equal):
    examples, timed, sizes = config.examples, found.timed, found.sizes
    counted = report.Claims(source=GUIDE, figure="cost", kind="definition").exact(
        "G01",
        f"Of {examples} examples, one at a time makes {examples} updates an epoch, and "
        "all at once make 1.",
        "updates an epoch, one / all; counted, so without error",
        np.mean(found.counts[ONE]) / np.mean(found.counts[ALL]),
        above=examples - 0.01,
        below=examples + 0.01,
    )
    clock = report.Claims(source=GUIDE, figure="cost")
    return [
        dataclasses.replace(counted, seeds=len(config.seeds)),
        report.Claims(source=GUIDE, figure="per_second").ratio(
            "G02",
            "Batch training is slow: at one rate it takes longer to reach the same "
            "training loss than a mini-batch.",
            f"seconds{AT_MEDIAN}, all examples / mini-batch",
            (equal.seconds[ALL], equal.seconds[MINI]),
            above=1,
        ),
        clock.ratio(
            "G02.update",
            "One update with all examples takes longer than one with a mini-batch.",
            "seconds an update, all examples / mini-batch, over repeats",
            (timed.update(sizes[ALL]), timed.update(sizes[MINI])),
            above=1,
        ),
        clock.ratio(
            "G04.parallel",
            "Single examples cannot use the hardware in parallel: an epoch takes "
            "longer than with all examples at once.",
            "seconds an epoch, one / all examples, over repeats",
            (timed.epoch(sizes[ONE]), timed.epoch(sizes[ALL])),
            above=1,
        ),
    ]


def _loss_claims(equal):
    """Decide what the batch losses at one rate say, while all groups train."""
    end = min(record.updates.min() for record in equal.records.values())
    window = {
        name: record.history["loss"][3 * end // 4 : end]
        for name, record in equal.records.items()
    }
    level = {name: loss.mean(axis=0) for name, loss in window.items()}
    rough = {name: np.diff(loss, axis=0).std(axis=0) for name, loss in window.items()}
    say = report.Claims(source=GUIDE, figure="batch_losses")
    return [
        dataclasses.replace(say, kind="identity").ratio(
            "G05",
            "Mini-batches lie between: their loss is noisier than that of all "
            "examples, which has no noise.",
            "change of the batch loss in an update, mini-batch / all examples",
            (rough[MINI], rough[ALL]),
            above=1,
        ),
        say.ratio(
            "G05.noisier",
            "The smaller the batch, the noisier its loss: that of one example is "
            "noisier than that of a mini-batch.",
            "change of the batch loss in an update, one / mini-batch",
            (rough[ONE], rough[MINI]),
            above=1,
        ),
        say.ratio(
            "G05.larger",
            "The smaller the batch, the larger its loss: after as many updates at one "
            "rate, that of one example is larger than that of a mini-batch.",
            "mean batch loss, one / mini-batch",
            (level[ONE], level[MINI]),
            above=1,
        ),
    ]


def _speed_claims(config, best):
    say = report.Claims(source=OPTIMISATION, figure="per_second_best")
    fast, back = best.seconds, {}
    for name, record in best.records.items():
        curve = record.history["train_loss"]  # and its greatest climb above its lowest
        back[name] = np.nanmax(curve / np.fmin.accumulate(curve, axis=0), axis=0)

    def between(*names):
        why = training.end_of(config.rates, *(best.rates[name] for name in names))
        return dataclasses.replace(say, untested=why)

    return [
        between(MINI, ALL).ratio(
            "D03",
            "Mini-batches learn faster than a batch: each at its best rate, they reach "
            "the same training loss sooner.",
            f"seconds{AT_MEDIAN}, all examples / mini-batch",
            (fast[ALL], fast[MINI]),
            above=1,
        ),
        between(ONE, MINI).ratio(
            "D03.than_one",
            "Mini-batches learn faster than single examples, each at its best rate.",
            f"seconds{AT_MEDIAN}, one / mini-batch",
            (fast[ONE], fast[MINI]),
            above=1,
        ),
        between(ONE, MINI).ratio(
            "D03.steadier",
            "Mini-batches learn more steadily than single examples: each at its best "
            "rate, the training loss climbs back less above its lowest.",
            "greatest climb as a factor, one / mini-batch",
            (back[ONE], back[MINI]),
            above=1,
        ),
    ]


def _equal(config, found, equal):
    end = min(record.updates.min() for record in equal.records.values())
    return report.Section(
        "At one learning rate",
        f"All batch sizes have the rate {config.learning_rate:g} and start, seed by "
        "seed, from the same parameters. A network is done at a training loss of "
        f"{config.target:g} nats.",
        _table(found, equal),
        *(_curves(found, equal, axis) for axis in ("update", "epoch", "second")),
        report.Curves(
            "batch_losses",
            {
                name: (np.arange(end) + 1, record.history["loss"][:end, 0])
                for name, record in equal.records.items()
            },
            ("updates", "loss of the batch (nats)"),
            log="y",
            caption=f"Loss on the batch of each update, seed {config.seeds[0]}: the "
            "smaller the batch, the noisier.",
        ),
    )


def _best(config, found, best):
    chosen = ", ".join(f"{name} {rate:g}" for name, rate in best.rates.items())
    return report.Section(
        "Each at its best rate",
        "One rate for all is unfair: a larger batch tolerates a higher one. Of "
        f"{len(config.rates)} rates each batch size takes the one that gets it to the "
        f"target in the fewest updates: {chosen}.",
        _table(found, best),
        _curves(found, best, "second", "_best"),
    )


def _curves(found, compared, axis, suffix=""):
    """Show the training loss by updates, epochs or seconds."""
    return report.Curves(
        f"per_{axis}{suffix}",
        {
            name: (_scale(found, name)[axis] * record.curve[0], record.curve[1])
            for name, record in compared.records.items()
        },
        ("time (seconds)" if axis == "second" else f"{axis}s", LOSS),
        log="xy",
        caption=f"Training loss by {axis}s: a curve further left learns faster.",
        band=BAND,
    )


def _scale(found, name):
    """Return how much of each axis an update takes."""
    epoch = found.sizes[name] / found.timed.examples
    return {"update": 1.0, "epoch": epoch, "second": _second(found, name)}


def _table(found, compared):
    return report.Table(
        ("batch", "done", "updates", "epochs", "ms", "test accuracy (%)"),
        [
            (
                name,
                int(np.sum(np.isfinite(compared.updates[name]))),
                compared.updates[name],
                compared.updates[name] * _scale(found, name)["epoch"],
                1e3 * compared.seconds[name],
                record.percent("test"),
            )
            for name, record in compared.records.items()
        ],
    )
