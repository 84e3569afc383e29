"""When a learning rate decays, what does the loss do, and which rules benefit?

A network is trained at constant rates and under four decays of each: by steps,
exponentially, as 1/t and along a cosine. So every schedule has the same list of first
rates to choose from, and the highest that still trains shows the plateau and its
breaks. The same with SGD, momentum and Adam says which of them decay matters to. Batch
size, rates and updates were chosen after pilot runs so that a plateau shows.

Run: python launch.py --experiment=decay

Expected: 3 minutes on two CPU cores; of 22 claims 10 are supported, 3 contradicted, 6
inconclusive and 3 untested. From a high rate a step decay ends 1.3 times lower than
none on MNIST-1D and 1.5 times on glyphs. Each from its best rate, 1/t and cosine end
1.1 times lower on MNIST-1D, step and exponential higher on glyphs. Decay costs less
with SGD and momentum than with Adam on glyphs; on MNIST-1D Adam's best rate is the
highest of its list. On digits 3 of 11 claims are decided.

Source: lecture, 0:45:19 to 0:46:44 (L36 to L39)

Data: mnist1d and glyphs, or any others by name or path
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import optax

from experiments import training
from lec7 import report, runs, schedules, train, update_rules

FACTOR = 0.1  # by which a step multiplies the rate
NONE, STEP, EARLY = "none", "step", "early step"
DECAYS = {"step": "step", "exponential": "exp.", "1/t": "1/t", "cosine": "cosine"}
SCHEDULES: dict[str, Callable[[float, int], training.Rate]] = {
    NONE: lambda rate, updates: rate,
    STEP: lambda rate, updates: schedules.step_decay(
        rate, factor=FACTOR, every=updates // 3
    ),
    "exponential": lambda rate, updates: schedules.exponential_decay(
        rate, rate=-2 * math.log(FACTOR) / updates
    ),
    "1/t": lambda rate, updates: schedules.inverse_time_decay(
        rate, rate=(1 / FACTOR - 1) / updates
    ),
    "cosine": lambda rate, updates: schedules.cosine_decay(rate, steps=updates),
    EARLY: lambda rate, updates: optax.piecewise_constant_schedule(
        rate, {updates // 9: FACTOR, 2 * updates // 9: FACTOR}
    ),
}
RULES = {
    "SGD": (update_rules.sgd, (0.01, 0.03, 0.1, 0.3, 0.6, 1.2)),
    "momentum": (update_rules.momentum, (0.001, 0.003, 0.01, 0.03, 0.06, 0.12)),
    "Adam": (update_rules.adam, (0.001, 0.003, 0.01, 0.02, 0.04, 0.08)),
}
RULE = "momentum"  # the rule of the claims that are not about rules
LOSS = "training loss (nats)"
TIMES = {"L36": "0:45:19", "L37": "0:45:57", "L38": "0:46:36", "L39": "0:46:44"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """On what the schedules are compared, and for how long."""

    # names of data sets, of lec7 or of TFDS, or paths
    dataset: tuple[str, ...] = ("mnist1d", "glyphs/grey14-3000")
    seeds: runs.Seeds = tuple(range(8))  # networks of a population, at least 2
    model: training.Model = "mlp"  # network
    width: runs.Count = 32  # hidden units of an mlp
    batch_size: runs.Count = 8  # examples an update
    updates: int = 1536  # of every training; a step comes after each third of them
    evaluate_every: runs.Count = 32  # updates between two looks at the training loss

    def _check(self):
        training.short_names(self.dataset)
        if self.updates < 24 * self.evaluate_every:
            raise ValueError(
                f"updates is {self.updates}; expected at least 24 times "
                f"evaluate_every, which is {self.evaluate_every}"
            )


SMALL = {
    "dataset": ("digits",),
    "seeds": (0, 1),
    "width": 8,
    "updates": 48,
    "evaluate_every": 2,
}


class Trained(NamedTuple):
    """All trainings on one data set."""

    records: Mapping[str, Mapping[str, Mapping[float, train.Record]]]
    """Rule -> schedule -> first rate -> training."""

    def best_rate(self, rule: str, schedule: str) -> float:
        """Return the first rate that ends with the lowest loss, a geometric mean."""
        return training.best_rate(self.records[rule][schedule])

    def at_border(self, rules: Sequence[str], decays: Sequence[str]) -> str | None:
        """Say which best first rate is at an end of its list; None if none is."""
        return training.at_border(
            *(self.records[rule][schedule] for rule in rules for schedule in decays)
        )

    def best(self, rule: str, schedule: str) -> train.Record:
        """Return the training from the best first rate."""
        return self.records[rule][schedule][self.best_rate(rule, schedule)]

    def high_rate(self, rule: str) -> float:
        """Return the highest first rate that trains.

        From it the training loss ends, without decay, below two thirds of where the
        batch loss began; if there is none, it is the lowest rate.
        """
        several = self.records[rule][NONE]
        began = np.median(several[min(several)].start)
        trains = [
            rate for rate, of in several.items() if np.median(of.end) < 2 / 3 * began
        ]
        return max(trains, default=min(several))

    def high(self, rule: str, schedule: str) -> train.Record:
        """Return the training from the highest rate that trains."""
        return self.records[rule][schedule][self.high_rate(rule)]

    def gain(self, rule: str, schedule: str) -> np.ndarray:
        """Return the loss without decay over that with it, each at its best rate."""
        return self.best(rule, NONE).end / self.best(rule, schedule).end

    def mean_gain(self, rule: str) -> np.ndarray:
        """Return the geometric mean of the gains by all decays, [M]."""
        gains = [self.gain(rule, schedule) for schedule in DECAYS]
        return np.exp(np.mean(np.log(gains), axis=0))

    def drop(self, schedule: str, at: float, part: float) -> np.ndarray:
        """Return by what factor the loss falls at an update, [M].

        Geometric means, over two parts of the training before it, and over two that
        begin a part after it.
        """
        updates, loss = self.high(RULE, schedule).curve
        before = (at - 2 * part < updates) & (updates <= at)
        after = (at + part < updates) & (updates <= at + 3 * part)
        logs = np.log(loss)
        return np.exp(logs[:, before].mean(axis=1) - logs[:, after].mean(axis=1))


class Findings(NamedTuple):
    """All that was measured."""

    trained: Mapping[str, Trained]
    """Name of a data set, without its config -> trainings."""
    rates: Mapping[str, np.ndarray]
    """Schedule -> rate of every update over the first rate, [T]."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train under every schedule with every rule."""
    build = training.named(config.model, widths=(config.width,))
    trained = {}
    for name, dataset in training.short_names(config.dataset).items():
        study = training.Study(config, context, ("batch_size",), dataset=dataset)
        with context.phase("training"):
            trained[name] = Trained(
                {rule: _sweep(config, study, build, name, rule) for rule in RULES}
            )
    return Findings(trained, {name: _rates(config, name) for name in SCHEDULES})


def _sweep(config, study, build, name, rule):
    make_rule, rates = RULES[rule]
    every = {
        (schedule, rate): make(rate, config.updates)
        for schedule, make in SCHEDULES.items()
        for rate in rates
    }
    swept = study.sweep(build, make_rule, every, name=f"{name} {rule}")
    return {
        schedule: {rate: swept[schedule, rate] for rate in rates}
        for schedule in SCHEDULES
    }


def _rates(config, name):
    rate = SCHEDULES[name](1.0, config.updates)
    steps = range(config.updates)
    return np.array([float(rate(t)) if callable(rate) else rate for t in steps])


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    everything = found.trained.items()
    claims = report.family(
        [claim for pair in everything for claim in _claims(config, *pair)]
    )
    return report.Report(
        title="Learning rate decay",
        summary=_summary(claims, found.trained),
        claims=claims,
        deciding=f"plateau_{[*found.trained][-1]}",
        sections=[
            _setting(),
            _schedules(config, found.rates),
            *(_plateaus(config, *pair) for pair in everything),
            *(_gains(*pair) for pair in everything),
        ],
    )


def _claims(config, name, of):
    """Decide every claim on one data set."""

    def ratio(id, figure, statement, unit, pair, above=1, untested=None, **ends):
        number, *part = id.split(".")
        say = report.Claims(
            source=f"lecture, {TIMES[number]}",
            figure=f"{figure}_{name}",
            untested=untested,
        )
        words = (".".join([number, name, *part]), f"On {name}, {statement}", unit)
        return say.ratio(*words, pair, above=above, **ends)

    best = {schedule: of.best(RULE, schedule).end for schedule in (NONE, *DECAYS)}
    rate = of.best_rate(RULE, NONE)
    advised, early = (of.records[RULE][how][rate].end for how in (STEP, EARLY))
    third, part = config.updates / 3, config.updates / 24
    claims = [
        ratio(
            "L36",
            "plateau",
            "start high and decay: from the highest rate that trains, a step decay "
            "ends with a lower training loss than no decay.",
            "training loss, none / step",
            tuple(of.high(RULE, how).end for how in (NONE, STEP)),
        )
    ]
    claims += [
        ratio(
            f"L36.{schedule}",
            "gain",
            f"decay pays ({schedule}): it ends with a lower training loss than no "
            "decay, each from its best first rate.",
            f"training loss, none / {schedule}",
            (best[NONE], best[schedule]),
            untested=of.at_border((RULE,), (NONE, schedule)),
        )
        for schedule in DECAYS
    ]
    claims += [
        ratio(
            f"L37.{which}",
            "plateau",
            f"the plateau breaks at the {which} step of a step decay: the loss drops "
            "further than in the same training without it.",
            "drop of the loss as a factor, step / none",
            tuple(of.drop(how, place * third, part) for how in (STEP, NONE)),
        )
        for place, which in ((1, "first"), (2, "second"))
    ]
    claims += [
        ratio(
            f"L38.{rule}",
            "gain",
            f"decay pays more, or costs less, with {rule} than with Adam: the final "
            "training loss without decay over that with it is the larger.",
            f"training loss, none / decay, {rule} / Adam",
            (of.mean_gain(rule), of.mean_gain("Adam")),
            untested=of.at_border((rule, "Adam"), (NONE, *DECAYS)),
        )
        for rule in ("SGD", "momentum")
    ]
    return [
        *claims,
        ratio(
            "L39",
            "gain",
            "choosing the rate without decay is good enough: a step decay from that "
            "rate ends within 10 % of one from the rate best for it.",
            "training loss, rate chosen without / with decay",
            (advised, best[STEP]),
            above=None,
            below=1.1,
            untested=_same(of) or of.at_border((RULE,), (NONE, STEP)),
        ),
        ratio(
            "L39.when",
            "gain",
            "the curve should be read before decaying: steps three times as early end "
            "with a higher training loss.",
            "training loss, early / later steps",
            (early, advised),
        ),
    ]


def _same(of):
    """Say that both tunings chose one rate, if they did."""
    without, with_step = (of.best_rate(RULE, how) for how in (NONE, STEP))
    same = without == with_step
    return f"both choose the rate {without:g}" if same else None


def _summary(claims, names):
    """Return what decay does to the loss, then when it breaks the plateau."""

    def groups(id, *words):
        ids = {id.format(name): name for name in names}
        return report.group_by_verdict(claims, ids, *words)

    lower = "lower on {}", "higher on {}", "not clearly lower on {}"
    breaks = "on {}", "not on {}", "not clearly on {}"
    return (
        "Compared with a constant rate, the training loss of a step decay from a high "
        f"rate ends {groups('L36.{}', *lower)}; from the best rate of each, "
        f"{groups('L36.{}.step', *lower)}."
        "\n\nThe first step of the decay breaks the plateau "
        f"{groups('L37.{}.first', *breaks)}; the second, "
        f"{groups('L37.{}.second', *breaks)}."
    )


def _setting():
    return report.Section(
        "How the setting was chosen",
        "The batch size, the rates and the number of updates were chosen after pilot "
        "runs on digits and glyphs, so that a plateau shows. In these the first drop "
        "on digits, over that without decay, was 0.81 with batches of 32 and 0.86 with "
        "batches of 16, and on glyphs 1.63 and 1.32. So `L37` on digits depends on the "
        "setting: with the larger batches the loss falls to about 0.001 nats without "
        "decay, which is not a plateau, and a smaller rate only slows it. MNIST-1D was "
        "added later, with the same setting.",
    )


def _schedules(config, rates):
    return report.Section(
        "The schedules",
        report.Curves(
            "schedules",
            {name: (np.arange(config.updates), of) for name, of in rates.items()},
            ("updates", "rate / first rate"),
            caption="Learning rate over the first one. The step and the exponential "
            "decay end at a hundredth of it, 1/t at a tenth and the cosine at zero.",
        ),
    )


def _plateaus(config, name, of):
    third = config.updates / 3
    several = {how: of.high(RULE, how).curve for how in (NONE, *DECAYS)}
    rules = {
        f"{rule}, {how}": of.high(rule, how).curve
        for rule in of.records
        for how in (NONE, STEP)
    }
    return report.Section(
        f"Plateaus and drops on {name}",
        "These trainings start at the highest rate of each rule from which the loss "
        "still falls by a third without decay. The noise of the batches keeps it up; "
        "each step of a step decay lowers the noise.",
        *(
            report.Curves(
                f"{figure}_{name}",
                curves,
                ("updates", LOSS),
                log="y",
                marks={"÷ 10": third, "÷ 10 again": 2 * third},
                caption=f"Training loss on {name} {what}: a plateau breaks where a "
                "curve turns down at a dotted line.",
            )
            for figure, curves, what in (
                (
                    "plateau",
                    several,
                    f"with {RULE}, from the rate {of.high_rate(RULE):g}",
                ),
                ("rules", rules, "with and without steps"),
            )
        ),
    )


def _gains(name, of):
    header = ("rule and decay", "best first rate", LOSS, "test loss (nats)")
    return report.Section(
        f"Each from its best rate, on {name}",
        "A schedule is as good as its first rate, so each takes the one of the same "
        "list that ends with the lowest training loss.",
        report.Table(
            (*header, "test accuracy (%)"),
            [
                (
                    f"{rule}, {schedule}",
                    float(of.best_rate(rule, schedule)),
                    best.end,
                    best.final["test_loss"],
                    best.percent("test"),
                )
                for rule, trained in of.records.items()
                for schedule in trained
                for best in [of.best(rule, schedule)]
            ],
        ),
        report.Paired(
            f"gain_{name}",
            {
                f"{rule}: loss without / with decay": [
                    of.gain(rule, schedule) for schedule in DECAYS
                ]
                for rule in of.records
            },
            tuple(DECAYS.values()),
            log=True,
            reference=1,
            caption=f"Final training loss on {name} without decay over that with it, "
            "each from its best first rate: above 1, decay pays.",
        ),
    )
