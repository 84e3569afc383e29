"""Do the first steps of Adam without bias correction wreck an initialisation?

Almost-Adam, the lecture's first version, leaves out the bias correction. It runs beside
Adam on taco shells and on Rosenbrock's valley, and trains a network from several seeds,
at equal rates and each rule at the best of as many rates; Adam also with an epsilon of
1e-7 in place of 1e-8.

Run: python launch.py --experiment=bias_correction

Expected: 1 minute on two CPU cores. The first step of almost-Adam is 3.16 times as long
as Adam's. On digits that wrecks a network at a rate of 0.1 (training loss 2.0 against
0.22 nats), and helps at a rate of 0.001 (0.06 against 0.25).

Source: lecture, 0:39:51 to 0:42:05 (L29, L30, L31); Kingma and Ba 2015,
arXiv:1412.6980, section 3

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import descents, training
from lec7 import data, losses, problems, report, runs, train, update_rules

ALMOST, ADAM, COARSE = "almost Adam", "Adam", "Adam, epsilon 1e-7"
RULES = {
    ALMOST: functools.partial(update_rules.adam, eps=1e-7, bias_correction=False),
    ADAM: update_rules.adam,
    COARSE: functools.partial(update_rules.adam, eps=1e-7),
}
PAIR = ALMOST, ADAM
FIRST = 10  # updates that count as the first
SHOWN = 40  # updates of a network whose size is measured
LOSS = "training loss (nats)"

Steps = Annotated[int, runs.at_least(FIRST)]
Trained = Mapping[float, train.Record]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """What is trained, and at which rates."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Seeds = tuple(range(8))  # networks and shells, at least 2
    model: training.Model = "mlp"  # network
    width: runs.Count = 64  # neurons of the hidden layer, of an mlp
    batch_size: runs.Count = 32  # examples an update
    # step sizes that each rule is tuned over
    rates: runs.Positives = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    # step size of all rules where it is equal, one of rates
    default_rate: runs.Positive = 1e-3
    max_steps: Steps = 200  # updates of a network
    surface_rate: runs.Positive = 0.3  # step size on the surfaces, where it is equal
    surface_rates: runs.Several = 33  # step sizes tuned over there, from 0.001 to 10
    surface_steps: Steps = 150  # updates on a surface

    def _check(self):
        if self.default_rate not in self.rates:
            raise ValueError(
                f"default_rate is {self.default_rate:g}; expected one of rates, which "
                f"are {self.rates}"
            )


SMALL = {
    "seeds": (0, 1),
    "width": 8,
    "rates": (1e-3, 1e-1),
    "max_steps": 10,
    "surface_rates": 3,
    "surface_steps": 10,
}


class Findings(NamedTuple):
    """What was measured, by rule."""

    shell_steps: np.ndarray
    """First step of `ALMOST` on N shells, in rates, the mean of both coordinates."""
    pictured: Mapping[str, descents.Panel]
    steps: Mapping[str, Mapping[str, np.ndarray]]
    """`largest` and `rms` step of a network's parameters, in rates [M, T]."""
    trained: Mapping[str, Trained]
    """Rate -> training of M networks."""

    def best(self, name: str) -> float:
        """Return the rate at which a rule ends with the least training loss."""
        by_rate = self.trained[name]
        return min(by_rate, key=lambda rate: _last(by_rate[rate]).mean())


def run(config: Config, context: runs.Context) -> Findings:
    """Descend the surfaces and train the networks."""
    study = training.Study(config, context, ("batch_size",))
    build = training.named(config.model, widths=(config.width,))
    with context.phase("surfaces"):
        shell_steps, pictured = _shell_steps(config), _picture(config)
    with context.phase("first steps"):
        steps = {name: _first_steps(config, study, build, RULES[name]) for name in PAIR}
    with context.phase("training"):
        trained = {
            name: study.sweep(
                build,
                make_rule,
                {rate: rate for rate in config.rates},
                name=name.replace(",", ""),
                updates=config.max_steps,
                evaluate_every=FIRST,
            )
            for name, make_rule in RULES.items()
        }
    return Findings(shell_steps, pictured, steps, trained)


def _shell_steps(config):
    shells = problems.shells.draw(config.seeds, low=10, high=300)
    path = problems.descend(
        RULES[ALMOST], shells, config.surface_steps, rates=config.surface_rate
    )
    first = np.abs(path.points[:, 1] - path.points[:, 0])
    return first.mean(axis=1) / config.surface_rate


def _picture(config):
    """Return the panels: two problems, at one rate and at the best of each rule."""
    steps, rates = config.surface_steps, np.geomspace(1e-3, 10, config.surface_rates)
    one, panels = dict.fromkeys(PAIR, config.surface_rate), {}
    for problem in (problems.TACO_SHELL, problems.ROSENBROCK):
        start = problem.from_starts()
        best = {
            name: problems.tune(
                RULES[name], start, steps, rates=rates, score=problems.last_loss
            ).shared
            for name in PAIR
        }
        for title, chosen in (("one rate", one), ("best rates", best)):
            paths = {
                name: problems.descend(RULES[name](chosen[name]), start, steps)
                for name in PAIR
            }
            panels[f"{problem.name}, {title}"] = descents.panel(
                problem, {name: path.select(0) for name, path in paths.items()}
            )
    return panels


def _network(config):
    if config.model == "mlp":
        return f"A network with {config.width} hidden neurons"
    return f"A {config.model}"


def _first_steps(config, study, build, make_rule):
    """Return the updates of the first steps, in rates: largest and rms, each [M, T]."""
    dataset, rate = study.dataset, config.default_rate
    model, rule = build(num_classes=dataset.num_classes), make_rule(rate)
    state = train.initial_population(study.initialise(model), rule, config.seeds)
    step = train.make_step(model, rule, losses.cross_entropy)
    given = {"batch_size": config.batch_size, "num_examples": len(dataset.train.labels)}
    indices = np.stack(
        [data.batch_indices(seed, 0, SHOWN, **given) for seed in config.seeds]
    )

    def advance(state, chosen):
        batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[chosen], (*dataset.train,))
        after, _ = step(state, batch)
        moved = optax.tree.sub(after.params, state.params)
        flat = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(moved)])
        sizes = jnp.max(jnp.abs(flat)), jnp.sqrt(jnp.mean(flat**2))
        return after, {"largest": sizes[0] / rate, "rms": sizes[1] / rate}

    member = jax.vmap(lambda state, chosen: jax.lax.scan(advance, state, chosen)[1])
    return jax.device_get(jax.jit(member)(state, indices))


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    claims = report.family(
        [
            *_size_claims(found),
            *_wreckage_claims(config, found),
            *_cure_claims(config, found),
        ]
    )
    return report.Report(
        title="Adam's bias correction",
        summary=_summary(config, found, claims),
        claims=claims,
        deciding="rates",
        sections=[
            descents.section(
                found.pictured,
                heading="On surfaces",
                text="Both moments start at zero. Without correction the root of the "
                "second is too small by more than the first is, and their "
                "quotient, the step, too large: `(1 − 0.9ᵗ) / √(1 − 0.999ᵗ)` "
                "rates on a constant slope, 3.16 at first and 6.57 at the most.",
                shown=f"Almost-Adam and Adam, {config.surface_steps} updates; the one "
                f"rate is {config.surface_rate:g}.",
            ),
            _sizes(config, found.steps),
            _training(config, found),
        ],
    )


def _last(record):
    """Return the training losses at the end [M], nats."""
    return np.nan_to_num(record.final["train_loss"], nan=np.inf)


def _early(record):
    """Return the training losses after the first updates [M], nats."""
    return record.history["train_loss"][0]


def _size_claims(found):
    """Decide what the first step is for any gradient: 0.1 / √0.001 rates, against 1."""
    say = report.Claims(source="lecture, 0:39:51", figure="sizes", kind="identity")
    geometry = dataclasses.replace(say, figure="trajectories")
    return [
        say.ratio(
            "L29",
            "Without correction the first update of a network is far too large: more "
            "than twice as long as with it.",
            "length, almost Adam / Adam",
            tuple(found.steps[name]["rms"][:, 0] for name in PAIR),
            above=2,
        ),
        geometry.mean(
            "L29.geometry",
            "Geometry is not the reason: on every taco shell the first step is 0.1 / "
            "√0.001 = 3.16 rates in each coordinate.",
            "rates",
            found.shell_steps,
            above=3.15,
            below=3.17,
        ),
    ]


def _wreckage_claims(config, found):
    almost, adam = found.trained[ALMOST], found.trained[ADAM]
    one, highest = config.default_rate, max(config.rates)
    best = found.best(ALMOST), found.best(ADAM)
    untested = {"best": training.end_of(config.rates, *best)}
    cases = {
        "early": (
            "training",
            f"after {FIRST} updates at a rate of {one:g} its training loss is",
            (_early(almost[one]), _early(adam[one])),
        ),
        "best": (
            "rates",
            "each at its best rate, its last training loss is",
            (_last(almost[best[0]]), _last(adam[best[1]])),
        ),
        "highest": (
            "rates",
            f"at a rate of {highest:g} its last training loss is",
            (_last(almost[highest]), _last(adam[highest])),
        ),
    }
    return [
        report.Claims(
            source="lecture, 0:39:51", figure=figure, untested=untested.get(name)
        ).ratio(
            f"L29.wrecks_{name}",
            f"The steps of almost-Adam wreck the initialisation: {where} higher than "
            "Adam's.",
            "training loss, almost Adam / Adam",
            pair,
            above=1,
        )
        for name, (figure, where, pair) in cases.items()
    ]


def _cure_claims(config, found):
    epsilon = report.Claims(source="lecture, 0:41:30", figure="rates")
    sizes = report.Claims(source="lecture, 0:42:05", figure="sizes", kind="identity")
    early = report.Claims(source="lecture, 0:42:05", figure="early_rates")
    fine, coarse = found.trained[ADAM], found.trained[COARSE]
    highest = max(config.rates)
    return [
        epsilon.ratio(
            id,
            "An epsilon of 1e-7 or 1e-8 hardly matters: the last training losses at a "
            f"rate of {rate:g} agree to within a tenth.",
            "training loss, 1e-7 / 1e-8",
            (_last(coarse[rate]), _last(fine[rate])),
            above=0.9,
            below=1.1,
        )
        for id, rate in (("L30", config.default_rate), ("L30.best", found.best(ADAM)))
    ] + [
        sizes.mean(
            "L31",
            "The correction cures the first steps: in ten updates no parameter moves "
            "by much more than the rate in any of them, as none can by more than 1.05 "
            "rates, whatever the gradients.",
            "largest step of a parameter, rates",
            found.steps[ADAM]["largest"][:, :FIRST].max(axis=1),
            below=1.1,
        ),
        early.ratio(
            "L31.highest",
            "The correction cures the first steps: at the highest rate, the training "
            "loss after ten updates is lower than without.",
            "training loss, Adam / almost Adam",
            (_early(fine[highest]), _early(found.trained[ALMOST][highest])),
            below=1,
        ),
    ]


def _summary(config, found, claims):
    largest = found.steps[ALMOST]["largest"]
    first, longest = (
        report.format_number(float(np.mean(sizes)))
        for sizes in (largest[:, 0], largest.max(axis=1))
    )
    early, best, highest = (
        report.by_verdict(
            claims,
            f"L29.wrecks_{when}",
            "higher than Adam's ({} times)",
            "lower than Adam's ({} times)",
            "not clearly different from Adam's ({} times)",
        )
        for when in ("early", "best", "highest")
    )
    return (
        f"At a rate of {max(config.rates):g} the final training loss without bias "
        f"correction is {highest}; with each rule at its best rate it is {best}."
        f"\n\nAfter {FIRST} updates at a rate of {config.default_rate:g} it is {early}."
        "\n\nWithout correction the first update moves a parameter by up to "
        f"{first} rates, and one of the first {SHOWN} updates by up to {longest}."
    )


def _sizes(config, steps):
    return report.Section(
        "The first updates of a network",
        report.Table(
            ("step (rates)", "first, rms", "longest, rms", "largest of a parameter"),
            [
                (
                    name,
                    of["rms"][:, 0],
                    of["rms"].max(axis=1),
                    of["largest"].max(axis=1),
                )
                for name, of in steps.items()
            ],
        ),
        report.Curves(
            "sizes",
            {
                f"{name}, {kind}": (np.arange(SHOWN) + 1, of[kind])
                for kind in ("largest", "rms")
                for name, of in steps.items()
            },
            ("update", "step of a parameter (rates)"),
            caption="How far an update moves the parameters of a network, at a rate of "
            f"{config.default_rate:g}: the largest step of a parameter, and the "
            "root mean square of all.",
        ),
    )


def _training(config, found):
    rates = {
        name: {
            "one rate": config.default_rate,
            "best rate": found.best(name),
            "highest rate": max(config.rates),
        }
        for name in RULES
    }
    return report.Section(
        "What comes of it",
        f"{_network(config)}, batches of {config.batch_size} of `{config.dataset}`, "
        f"{len(config.seeds)} seeds.",
        report.Table(
            (
                "rule",
                "rate",
                f"training loss, {FIRST} updates (nats)",
                "training loss, end (nats)",
                "test accuracy (%)",
            ),
            [
                (f"{name}, {title}", rate, _early(r), _last(r), r.percent("test"))
                for name, chosen in rates.items()
                for title, rate in chosen.items()
                for r in [found.trained[name][rate]]
            ],
        ),
        report.Curves(
            "training",
            {
                name: by_rate[config.default_rate].curve
                for name, by_rate in found.trained.items()
            },
            ("updates", LOSS),
            log="y",
            caption=f"Training loss of all three at the rate {config.default_rate:g}.",
        ),
        *(
            report.Curves(
                name,
                {
                    rule: training.over_rates(by_rate, loss)
                    for rule, by_rate in found.trained.items()
                },
                ("learning rate", LOSS),
                log="xy",
                caption=f"Training loss after {updates} updates at every rate: a "
                "rule's best rate is where its curve is lowest.",
            )
            for name, loss, updates in (
                ("early_rates", _early, FIRST),
                ("rates", _last, config.max_steps),
            )
        ),
    )
