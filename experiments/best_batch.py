"""Does the best batch size grow in proportion to the learning rate?

A network learns from few images with batches of many sizes, at rates that double, for
as long in rate times updates. If the noise of the gradient decides how well it
generalises, the best batch size is in proportion to the rate, since noise is in
proportion to the rate over the batch size. Then a batch is made four times as large,
with the rate that either rule of `schedules.scale_for_batch` gives.

Run: python launch.py --experiment=best_batch

Expected: 4 minutes on two CPU cores. The best batch size is 19 at a rate of 0.04 and 40
at 0.08: the exponent is 1.06 (0.99 to 1.13). With a batch of 64 instead of 16 and as
many epochs the linear rule loses 0.5 points of test accuracy (0.1 to 1.0), the root 1.2
(0.9 to 1.5), which is inconclusive. The rates were chosen on seeds 0 to 7, where the
exponent is 1.04 (0.91 to 1.18); at 0.16 several of them are best at 128, the end of
the list.

Source: Smith and Le 2018, arXiv:1710.06451

Data: mnist5k, or any data set of images
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np

from experiments import tested, training
from lec7 import models, report, runs, schedules, train, update_rules

PAPER = "Smith and Le 2018, arXiv:1710.06451"
HOFFER = "Hoffer et al. 2017, arXiv:1705.08741"  # who take the root
LINEAR, SQRT = RULES = ("linear", "sqrt")
GROWTH = 4  # how many times as large the batch is made
MARGIN = 1.0  # points of test accuracy that count as no difference
ACCURACY, ERROR = "test accuracy (%)", "test error (%)"
Sizes = Annotated[
    tuple[int, ...],
    runs.Range(
        "three or more rising numbers, each at least 1",
        lambda sizes: (
            len(sizes) > 2 and sizes[0] > 0 and list(sizes) == sorted(set(sizes))
        ),
    ),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which rates and batches are tried, on what, and for how long."""

    dataset: str = "mnist5k"  # name of a data set
    examples: runs.Several = 1_000  # training examples; the others join the test
    # networks of a population, at least 2, on none of which the rates were chosen
    seeds: runs.Seeds = tuple(range(8, 16))
    width: runs.Count = 800  # hidden units of the network
    momentum: Annotated[float, runs.at_least(0)] = 0.9  # its decay
    rates: runs.Rising = (0.04, 0.08)  # step sizes, two or more
    batches: Sizes = (4, 8, 16, 32, 64, 128)  # examples an update
    time: runs.Positive = 16.0  # of every training, rate times updates
    base: runs.Count = 16  # batch size at the lowest rate that is made larger

    def _check(self):
        if len(self.rates) < 2:
            raise ValueError(f"rates is {self.rates}; expected two or more")


SMALL = {
    "dataset": "digits",
    "examples": 64,
    "seeds": (0, 1),
    "width": 8,
    "rates": (0.1, 0.2),
    "batches": (4, 8, 16),
    "time": 2.0,
    "base": 4,
}


class Findings(NamedTuple):
    """All that was measured."""

    records: Mapping[float, Mapping[int, train.Record]]
    """Learning rate -> batch size -> training."""
    right: Mapping[int, np.ndarray]
    """Batch size -> at the rate in the middle, whether each network tells the class of
    each test example, bool [M, N]."""
    scaled: Mapping[str, train.Record]
    """`base`, and rule -> training with the larger batch for as many epochs."""
    scaled_right: Mapping[str, np.ndarray]
    """By the same names, as `right`."""
    examples: Mapping[str, int]
    """Split -> how many it has."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train at every rate with every batch size, and with a batch that is scaled."""
    context = dataclasses.replace(context, devices=context.devices[:1])
    study = training.Study(config, context, prepare=training.without_validation)
    study.keep(config.examples, test_with_rest=True)
    with context.phase("training"):
        trained = {
            rate: {
                batch: _train(config, study, rate, batch, config.time / rate)
                for batch in config.batches
            }
            for rate in config.rates
        }
    low, large = config.rates[0], GROWTH * config.base
    updates = config.time / low
    with context.phase("scaling"):
        base = _train(config, study, low, config.base, updates, "base")
        scaled = {"base": base} | {
            rule: _train(
                config, study, _scaled(config, rule), large, updates / GROWTH, rule
            )
            for rule in RULES
        }
    splits = {name: getattr(study.dataset, name) for name in ("train", "test")}
    return Findings(
        {
            rate: {batch: record for batch, (record, _) in of.items()}
            for rate, of in trained.items()
        },
        {batch: right for batch, (_, right) in trained[_middle(config)].items()},
        {name: record for name, (record, _) in scaled.items()},
        {name: right for name, (_, right) in scaled.items()},
        {name: len(of.labels) for name, of in splits.items()},
    )


def _middle(config):
    return config.rates[len(config.rates) // 2]


def _train(config, study, rate, batch, updates, name=""):
    """Return the record of a training, and what its networks tell of the test set."""
    updates = max(round(updates), 1)
    build = functools.partial(models.MLP, widths=(config.width,))
    population = study.population(
        build,
        update_rules.momentum(rate, decay=config.momentum),
        name=f"{name} rate {rate:g} batch {batch}".strip(),
        batch_size=batch,
        updates=updates,
        watch=(),
        ceiling=train.CEILING,
    )
    right = tested.right(study.network(build), population.variables, study.dataset.test)
    return population.record, right


class Best(NamedTuple):
    """Test accuracies at one rate, and the batch size that is best by them."""

    accuracy: np.ndarray
    """In %, [M, S], by seed and batch size."""
    place: np.ndarray
    """Of the best batch size of each seed, [M], between two sizes where it lies there;
    NaN where it is at an end of the list."""


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show the accuracies by batch size."""
    best = {rate: _best(of) for rate, of in found.records.items()}
    sizes = {rate: _sizes(config, of.place) for rate, of in best.items()}
    claims = report.family(
        [
            _growth_claim(config, sizes),
            *_peak_claims(config, best, found.right),
            *_rule_claims(found),
        ]
    )
    return report.Report(
        title="The best batch size",
        summary=_summary(config, sizes, claims),
        claims=claims,
        deciding="collapse",
        sections=[_accuracies(config, found, best, sizes), _scaling(config, found)],
    )


def _best(records):
    accuracy = np.stack([of.percent("test") for of in records.values()], axis=1)
    accuracy = accuracy.astype(np.float64)
    return Best(accuracy, np.array([summit(row) for row in accuracy]))


def summit(row: np.ndarray) -> float:
    """Return where the parabola through the highest number and its neighbours peaks.

    NaN where the highest number is the first or the last.

    Example:
      >>> [float(summit(np.array(row))) for row in ([0, 2, 2], [0, 1, 0], [2, 1, 0])]
      [1.5, 1.0, nan]
    """
    top = int(np.argmax(row))
    if top in (0, len(row) - 1):
        return np.nan
    low, high, next_ = row[top - 1 : top + 2]
    return top + (next_ - low) / (2 * (2 * high - low - next_))


def _sizes(config, places):
    """Return the batch sizes [M] at places in the list, between by their logarithms."""
    steps = np.arange(len(config.batches))
    return np.exp2(np.interp(places, steps, np.log2(config.batches)))


def _growth_claim(config, sizes):
    logs = np.log2(np.stack(list(sizes.values()), axis=1))  # [M, R]
    rates = np.log2(config.rates)
    slopes = (logs @ (rates - rates.mean())) / np.sum((rates - rates.mean()) ** 2)
    return report.Claims(source=PAPER, figure="best").mean(
        "SL.growth",
        "At one product of rate and updates the best batch size grows in proportion to "
        "the learning rate: as a power of it, with the exponent 1 to within a half.",
        "exponent, by least squares",
        slopes,
        above=0.5,
        below=1.5,
    )


def _peak_claims(config, best, right):
    """Decide whether there is a best size, which the other seeds choose for a seed."""
    rate = _middle(config)
    accuracy = best[rate].accuracy
    seeds = range(len(accuracy))
    chosen = [int(np.delete(accuracy, s, axis=0).mean(axis=0).argmax()) for s in seeds]
    each = 100.0 * np.stack([right[batch] for batch in config.batches], axis=1)
    top = each[seeds, chosen]
    say = report.Claims(source=PAPER, figure="errors")
    return [
        say.paired(
            f"SL.peak.{what}",
            f"At one rate there is a best batch size: at {rate:g} it classifies more "
            f"test examples correctly than the {what} of the list.",
            f"points of test accuracy, best − {what}",
            (top, each[:, place]),
            above=0,
        )
        for what, place in (("smallest", 0), ("largest", -1))
    ]


def _rule_claims(found):
    linear, root = (100.0 * found.scaled_right[rule] for rule in RULES)
    base = 100.0 * found.scaled_right["base"]
    return [
        report.Claims(source=source, figure="rules").paired(
            f"SL.{rule}",
            f"A batch {GROWTH} times as large and the rate that the {rule} rule gives "
            "leave the test accuracy as it is after as many epochs, to within "
            f"{MARGIN:g} point.",
            f"points of test accuracy, {rule} rule − base",
            (percent, base),
            above=-MARGIN,
            below=MARGIN,
        )
        for rule, percent, source in ((LINEAR, linear, PAPER), (SQRT, root, HOFFER))
    ] + [
        report.Claims(source=PAPER, figure="rules").paired(
            "SL.rules",
            "The linear rule is the better one: after as many epochs its test accuracy "
            "is higher than that of the root.",
            "points of test accuracy, linear − sqrt",
            (linear, root),
            above=0,
        )
    ]


def _summary(config, sizes, claims):
    means = {rate: float(np.exp2(np.log2(of).mean())) for rate, of in sizes.items()}
    best = [
        f"{'unknown' if np.isnan(mean) else report.format_number(mean)} at {rate:g}"
        for rate, mean in means.items()
    ]
    effects = report.effects(claims)
    kept = report.group_by_verdict(
        claims,
        {f"SL.{id}": f"the {id} rule ({effects[f'SL.{id}']})" for id in RULES},
        f"stays within {MARGIN:g} point with {{}}",
        f"changes by more than {MARGIN:g} point with {{}}",
        f"is not shown to stay within {MARGIN:g} point with {{}}",
    )
    return (
        report.by_verdict(
            claims,
            "SL.growth",
            "Yes: the best batch size grows about in proportion to the learning rate, "
            "with an exponent of {}.",
            "No: the best batch size does not grow in proportion to the learning rate: "
            "the exponent is {}, not 1.",
            "It is not decided whether the best batch size grows in proportion to the "
            "learning rate: the exponent is {}.",
        )
        + f"\n\nBy learning rate, the best batch size is {report.listing(best)}."
        f"\n\nWith a batch {GROWTH} times as large, for as many epochs, the test "
        f"accuracy {kept}."
    )


def _accuracies(config, found, best, sizes):
    updates = {rate: max(round(config.time / rate), 1) for rate in config.rates}
    errors = {f"rate {rate:g}": 100 - of.accuracy for rate, of in best.items()}
    return report.Section(
        "The best batch size at every rate",
        f"A network with {config.width} hidden units learns from "
        f"{found.examples['train']:,} images, in [0, 1], by momentum "
        f"{config.momentum:g}, and is tested on {found.examples['test']:,}. Rate times "
        f"updates is {config.time:g} for all, so that rate over batch size goes with "
        "one over the epochs: a size below the best may have too much noise or have "
        "seen too few examples, which is not told apart. The best size of a seed is "
        "where the "
        "parabola through its highest accuracy and both neighbours peaks; it counts "
        "for nothing where it is at an end of the list.",
        report.Table(
            ("rate", "updates", "best batch size", "its test accuracy (%)"),
            [
                (f"{rate:g}", updates[rate], sizes[rate], of.accuracy.max(axis=1))
                for rate, of in best.items()
            ],
        ),
        report.Curves(
            "errors",
            {name: (config.batches, error) for name, error in errors.items()},
            ("batch size (examples)", ERROR),
            log="xy",
            caption="Test error by batch size, after as long in rate times updates: a "
            "curve is lowest at the best size for its rate.",
        ),
        report.Curves(
            "collapse",
            {
                name: (rate / np.array(config.batches), error)
                for rate, (name, error) in zip(
                    config.rates, errors.items(), strict=True
                )
            },
            ("rate / batch size", ERROR),
            log="xy",
            caption="Test error by rate over batch size, to which the noise is in "
            "proportion: where noise alone decides, all curves are one.",
        ),
        report.Curves(
            "best",
            {
                "best batch size": (
                    config.rates,
                    np.stack([sizes[rate] for rate in config.rates], axis=1),
                )
            },
            ("learning rate", "best batch size (examples)"),
            log="xy",
            caption="Best batch size by learning rate: in proportion, it doubles with "
            "it.",
        ),
    )


def _scaling(config, found):
    base, low = config.base, config.rates[0]
    rates = {"base": low} | {rule: _scaled(config, rule) for rule in RULES}
    return report.Section(
        "Two rules for a larger batch",
        f"A batch of {base} with the rate {low:g} becomes one of {GROWTH * base}. The "
        "linear rule multiplies the rate as well, so that rate over batch size stays, "
        "and so does rate times updates; the root rule takes the square root, after "
        "which half of the way is made in as many epochs.",
        report.Table(
            ("rule", "rate", "updates", ACCURACY, "training loss (nats)"),
            [
                (
                    name,
                    f"{rates[name]:g}",
                    int(of.updates[0]),
                    of.percent("test"),
                    of.end,
                )
                for name, of in found.scaled.items()
            ],
        ),
        report.Paired(
            "rules",
            {ACCURACY: [of.percent("test") for of in found.scaled.values()]},
            tuple(found.scaled),
            caption="Test accuracy with the base batch and with the larger one: a good "
            "rule leaves it as it is.",
        ),
    )


def _scaled(config, rule):
    return schedules.scale_for_batch(
        config.rates[0],
        batch_size=GROWTH * config.base,
        base_batch_size=config.base,
        rule=rule,
    )
