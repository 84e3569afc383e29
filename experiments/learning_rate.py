"""What happens when a learning rate is too low, good, high or too high?

A deep little network is trained at four rates, with mini-batches for the four curves of
the lecture, and with all examples at once, where an update that raises the loss has
overshot. The four rates were picked on this network so that the four cases show.
Momentum and Nesterov are swept over rates on two networks, and Adam on five of
different architectures, to see how good its usual rates are. Last, the range test
suggests a rate to three rules.

Run: python launch.py --experiment=learning_rate

Expected: 3 minutes on two CPU cores; of 8 empirical claims 3 are supported, 2
contradicted and 3 inconclusive. All trainings at the highest rate explode; on the MLP
Nesterov ends higher than momentum, each at its best rate; Adam at the better of its two
usual rates is 3.8 points of accuracy short (2.3 to 5.3), at 0.0001 52.

Source: lecture, 0:28:34 (L15), 0:42:45 (L32), 0:44:51 (L35); introduction to
optimisation and gradient descent (D02)

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from experiments import descents, training
from lec7 import models, report, runs, train, update_rules

LOW, GOOD, HIGH, TOO_HIGH = FOUR = ("low", "good", "high", "too high")
NETWORKS = {
    "linear": lambda depth: functools.partial(models.MLP, widths=()),
    "MLP": lambda depth: functools.partial(models.MLP, widths=(32,)),
    "deep": lambda depth: functools.partial(models.MLP, widths=(32,) * depth),
    "BatchNorm": lambda depth: functools.partial(
        models.MLP, widths=(32,) * depth, batch_norm=True
    ),
    "ConvNet": lambda depth: functools.partial(
        models.ConvNet, channels=(4, 8), dense=(32,)
    ),
}
# the networks on which momentum meets Nesterov
COMPARED = {"MLP": "the MLP", "deep": "the deep network"}
USUAL = (1e-4, 1e-3)  # Adam's usual rates
GUIDE = "introduction to optimisation and gradient descent"
LOSS, ACCURACY = "training loss (nats)", "validation accuracy (%)"

Swept = Mapping[float, train.Record]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which rates are compared, and for how long."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Seeds = tuple(range(10))  # networks of a population, at least 2
    # networks that Adam trains; momentum and Nesterov train MLP and deep
    networks: runs.Some[tuple(NETWORKS)] = (
        "linear",
        "MLP",
        "deep",
        "BatchNorm",
        "ConvNet",
    )
    depth: runs.Count = 6  # hidden layers of the deep MLP, with BatchNorm and without
    # four rates, picked on the deep MLP and digits so that the four cases show
    low: runs.Positive = 0.003  # a step size of SGD that is too low
    good: runs.Positive = 0.1  # one that is good
    high: runs.Positive = 0.3  # one that is high
    too_high: runs.Positive = 10.0  # one that is too high
    # step sizes of momentum and Nesterov
    rates: runs.Positives = (0.003, 0.01, 0.03, 0.1, 0.2, 0.4)
    # step sizes of Adam, 0.0001 and 0.001 among them
    adam_rates: runs.Positives = (1e-4, 1e-3, 3e-3, 1e-2, 1e-1)
    batch_size: runs.Count = 32  # examples an update
    updates: runs.Count = 512  # of every training with mini-batches
    batch_updates: runs.Count = 128  # of the training with all examples at once
    evaluate_every: runs.Count = 16  # updates between two looks at the training loss

    def _check(self):
        four = tuple(_four(self).values())
        if list(four) != sorted(set(four)):
            raise ValueError(f"low to too_high are {four}; expected rising numbers")
        if len(self.networks) < 2 or not set(self.networks) & set(COMPARED):
            raise ValueError(
                f"networks is {self.networks}; expected two or more, with "
                f"{' or '.join(COMPARED)} among them"
            )
        if not set(USUAL) <= set(self.adam_rates):
            raise ValueError(
                f"adam_rates is {self.adam_rates}; expected 0.0001 and 0.001 among them"
            )


SMALL = {
    "networks": ("linear", "MLP"),
    "depth": 1,
    "seeds": (0, 1),
    "adam_rates": (0.0001, 0.001),
    "rates": (0.01, 0.1),
    "updates": 16,
    "batch_updates": 8,
    "evaluate_every": 8,
}


class Findings(NamedTuple):
    """All that was measured."""

    curves: Mapping[str, train.Record]
    """Each of `FOUR` -> training with mini-batches."""
    descents: Mapping[str, train.Record]
    """Each of `FOUR` -> training with all examples at once."""
    swept: Mapping[str, Mapping[str, Swept]]
    """Network -> momentum and Nesterov -> rate -> training."""
    adam: Mapping[str, Swept]
    """Network -> rate of Adam -> training."""
    ranges: Mapping[str, train.RateRange]
    """Rule -> its range test."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train at every rate, and make the range test."""
    study = training.Study(config, context, ("batch_size",))
    four = _four(config)
    made = {name: NETWORKS[name](config.depth) for name in NETWORKS}

    def sweep(network, rule, rates):
        name = f"{network} {rule}"
        return study.sweep(made[network], descents.RULES[rule], rates, name=name)

    with context.phase("training"):
        curves = sweep("deep", "SGD", four)
        at_once = study.sweep(
            made["deep"],
            update_rules.sgd,
            four,
            name="deep SGD, all examples",
            batch_size=study.everything,
            updates=config.batch_updates,
        )
        rates = {rate: rate for rate in config.rates}
        swept = {
            name: {rule: sweep(name, rule, rates) for rule in ("momentum", "Nesterov")}
            for name in COMPARED
            if name in config.networks
        }
        rates = {rate: rate for rate in config.adam_rates}
        adam = {name: sweep(name, "Adam", rates) for name in config.networks}
    with context.phase("range test"):
        three = {name: descents.RULES[name] for name in ("SGD", "momentum", "Adam")}
        ranges = study.range_tests(made["MLP"], three)
    return Findings(curves, at_once, swept, adam, ranges)


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    claims = report.family(
        [
            *_nesterov_claims(found),
            *_adam_claims(config, found),
            *_curve_claims(found),
        ]
    )
    title = {name: f"{name} ({rate:g})" for name, rate in _four(config).items()}
    return report.Report(
        title="Learning rate",
        summary=_summary(title, found, claims),
        claims=claims,
        deciding="four_curves",
        sections=[
            _four_rates(title, found.curves),
            _all_at_once(title, found.descents),
            _nesterov(found),
            _adam(found),
            _range_test(found.ranges),
        ],
    )


def _summary(title, found, claims):
    told, effects = functools.partial(report.by_verdict, claims), report.effects(claims)
    ends = "a higher", "a lower", "no clearly higher"
    explode = "explode", "do not explode", "may or may not explode"
    decided = "borne out", "contradicted", "not decided"
    last = [
        f"{_nats(np.median(of.end))} at {title[n]}" for n, of in found.curves.items()
    ]
    return (
        f"Compared with the good rate, the low one ends with {told('L35.low', *ends)} "
        f"training loss and the high one with {told('L35.high', *ends)} one; at the "
        f"rate that is too high most trainings {told('L35', *explode)}."
        f"\n\nThe median training loss at the end of SGD: {report.listing(last)}."
        "\n\nAt equal rates, Nesterov ends lower than momentum in "
        f"{effects['L15.networks']} % of networks and rates: that it is fewer than "
        f"three in four is {told('L15.networks', *decided)}. Adam at the better of "
        f"0.001 and 0.0001 is {effects['L32']} points of validation accuracy short of "
        "its best rate, on all architectures but one: that it is less than 2 is "
        f"{told('L32', *decided)}."
    )


def _four(config):
    return {name: getattr(config, name.replace(" ", "_")) for name in FOUR}


def _nesterov_claims(found):
    say = report.Claims(source="lecture, 0:28:34", figure="nesterov")
    lower = [
        rules["Nesterov"][rate].end < rules["momentum"][rate].end
        for rules in found.swept.values()
        for rate in rules["momentum"]
    ]
    return [
        say.mean(
            "L15.networks",
            "On networks nothing is guaranteed: at an equal rate, Nesterov ends with a "
            "lower training loss than momentum in fewer than three cases of four.",
            "% of networks and rates at which Nesterov is lower",
            100 * np.mean(lower, axis=0),
            below=75,
        )
    ] + [
        dataclasses.replace(say, untested=training.at_border(*rules.values())).ratio(
            f"L15.{network}",
            "As on convex problems, though nothing guarantees it on networks: on "
            f"{COMPARED[network]} Nesterov ends with a lower training loss than "
            "momentum, each at its best rate.",
            "training loss, momentum / Nesterov",
            (training.best(rules["momentum"]), training.best(rules["Nesterov"])),
            above=1,
        )
        for network, rules in found.swept.items()
    ]


def _adam_claims(config, found):
    say = report.Claims(source="lecture, 0:42:45", figure="adam")
    words = {
        "": (USUAL, "the better of 0.001 and 0.0001"),
        ".0_0001": (USUAL[:1], "0.0001"),
    }
    return [
        say.mean(
            f"L32{part}",
            f"Adam with 0.9, 0.999 and {text} is a good start for almost any "
            f"architecture: on all of {len(found.adam)} but one, its validation "
            f"accuracy after {config.updates} updates is within 2 points of that at "
            "the best rate.",
            "points of validation accuracy, best rate − this one",
            sorted(
                (training.shortfall(of, rates) for of in found.adam.values()),
                key=np.mean,
            )[-2],
            below=2,
        )
        for part, (rates, text) in words.items()
    ]


def _curve_claims(found):
    say = report.Claims(source="lecture, 0:44:51", figure="four_curves")
    guide = report.Claims(source=GUIDE, figure="oscillation")
    picked = dataclasses.replace(say, kind="definition")  # the rates were, by pilots
    end = {name: record.end for name, record in found.curves.items()}
    at_once = found.descents
    return [
        picked.share(
            "L35",
            "A rate too high explodes: most trainings end with a training loss above "
            "where it began.",
            "share of trainings",
            end[TOO_HIGH] > found.curves[GOOD].start,
            above=0.5,
        ),
        picked.ratio(
            "L35.low",
            "A rate too low crawls: after equally many updates its training loss is "
            "above that of the good rate.",
            "training loss, low / good rate",
            (end[LOW], end[GOOD]),
            above=1,
        ),
        picked.ratio(
            "L35.high",
            "A high rate ends with a higher training loss than the good one.",
            "training loss, high / good rate",
            (end[HIGH], end[GOOD]),
            above=1,
        ),
        guide.ratio(
            "D02",
            "A small rate takes long: all examples at once, it needs more updates to "
            "half the first loss than the good rate, or does not get there.",
            "updates, low / good rate",
            (at_once[LOW].updates_to(0.5), at_once[GOOD].updates_to(0.5)),
            above=1,
        ),
    ] + [
        guide.paired(
            f"D02.{name}",
            "A large rate oscillates past the optimum: all examples at once, more of "
            f"its updates raise the loss than of the {other} rate's.",
            f"points of all updates, high − {other} rate",
            (at_once[HIGH].rises, at_once[other].rises),
            above=0,
        )
        for other, name in ((LOW, "oscillates"), (GOOD, "than_good"))
    ]


def _four_rates(title, curves):
    return report.Section(
        "Four rates",
        "These four rates were picked on this network and data set so that the four "
        "cases show. On another network the same numbers may be other cases.",
        report.Table(
            ("rate", LOSS, "test loss (nats)", "test accuracy (%)"),
            [
                (title[name], "exploded", None, None)
                if np.median(r.end) >= train.CEILING
                else (title[name], r.end, r.final["test_loss"], r.percent("test"))
                for name, r in curves.items()
            ],
        ),
        report.Curves(
            "four_curves",
            {title[name]: record.curve for name, record in curves.items()},
            ("updates", LOSS),
            log="y",
            ceiling=100,
            caption="Loss on the whole training set at four rates of SGD: the good one "
            "should fall fast and far.",
        ),
    )


def _all_at_once(title, found):
    three = {title[name]: found[name] for name in FOUR[:3]}
    return report.Section(
        "All examples at once",
        "Without the noise of mini-batches, an update raises the loss only where it "
        "has gone too far past the lowest point in its direction.",
        report.Table(
            ("rate", "updates that raise the loss (%)"),
            [(name, record.rises) for name, record in three.items()],
        ),
        report.Curves(
            "oscillation",
            {name: record.batch_losses for name, record in three.items()},
            ("updates", LOSS),
            log="y",
            caption="Loss on all examples before every update: where it rises, an "
            "update has gone too far.",
        ),
    )


def _nesterov(found):
    return report.Section(
        "Momentum and Nesterov",
        report.Curves(
            "nesterov",
            {
                f"{network}, {rule}": training.over_rates(swept, lambda r: r.end)
                for network, rules in found.swept.items()
                for rule, swept in rules.items()
            },
            ("learning rate", f"final {LOSS}"),
            log="xy",
            ceiling=100,
            caption="Training loss at the end against the rate: at each, the rule with "
            "the lower curve is ahead.",
        ),
    )


def _adam(found):
    rates = next(iter(found.adam.values()))
    return report.Section(
        "Adam's usual rates",
        report.Table(
            (ACCURACY, *(f"{rate:g}" for rate in rates)),
            [
                (network, *(record.percent("validation") for record in swept.values()))
                for network, swept in found.adam.items()
            ],
        ),
        report.Curves(
            "adam",
            {
                network: training.over_rates(swept, lambda r: r.percent("validation"))
                for network, swept in found.adam.items()
            },
            ("learning rate", ACCURACY),
            log="x",
            caption="Adam with 0.9 and 0.999, against its rate: a usual rate is good "
            "where a curve is near its top.",
        ),
    )


def _range_test(ranges):
    suggested = {rule: found.suggested for rule, found in ranges.items()}
    updates = max(len(found.rates) for found in ranges.values())
    return report.Section(
        "The range test",
        "One short training of the MLP in which the rate grows by the same factor at "
        "every update. The loss stays while the rate is too small, falls, and rises "
        "again where a step gains nothing. A tenth of the rate at which it is lowest "
        "is suggested: a guess to start a search from, made before any rate was tried.",
        report.Table(
            ("suggested rate", "median", "lowest", "highest"),
            [
                (rule, *(float(of(rates)) for of in (np.median, np.min, np.max)))
                for rule, rates in suggested.items()
            ],
            "Over seeds.",
        ),
        report.Curves(
            "range_test",
            {
                f"{rule} ({np.median(suggested[rule]):.2g})": (
                    found.rates,
                    found.smoothed.T,
                )
                for rule, found in ranges.items()
            },
            ("learning rate", "loss of the batch (nats)"),
            log="xy",
            caption=f"Smoothed loss of the batch while the rate grows over {updates} "
            "updates, up to where a network diverges; in brackets the median of "
            "the rates suggested.",
        ),
    )


def _nats(value):
    if value >= train.CEILING:
        return "exploded"
    return f"{report.format_number(float(value))} nats"
