"""Does training stop at the curvature that its update rule can just bear?

On a quadratic an update rule is stable up to a largest curvature that its rate sets:
2 / a for gradient descent, more with momentum. A small tanh network is trained with all
examples at once by four rules, and the top eigenvalue of the Hessian is followed along:
for Adam that of the Hessian in the metric of its second moment. Beside it stands the
loss (xy - 1)^2 / 2, whose minima have every curvature from 2 upwards.

Run: python launch.py --experiment=edge_of_stability

Expected: 2 minutes on two CPU cores; all 9 claims are supported. In the last quarter
the top eigenvalue is 1.00 of its limit under gradient descent, 0.96 under the heavy
ball, 0.98 under Nesterov and 0.96 under Adam. Far below its limit gradient descent
sharpens by a factor of 2.3.

Source: Cohen et al. 2021, arXiv:2103.00065; Cohen et al. 2022, arXiv:2207.14484

Data: digits, or any TFDS name
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
import optax

from experiments import edge_of_stability_valley as valley
from experiments import training
from lec7 import curvature, losses, models, report, runs, train, update_rules

BAND = (0.9, 1.1)  # of the late top eigenvalue over its limit, to count as near
TOLERANCE = 0.02  # residual of an eigenpair; the eigenvalue's error is of its square
DESCENT, ADAPTIVE = "gradient descent", "Adam"
SOURCE = dict.fromkeys(
    (DESCENT, "heavy ball", "Nesterov"), "Cohen et al. 2021, arXiv:2103.00065"
) | {ADAPTIVE: "Cohen et al. 2022, arXiv:2207.14484"}
EPS, B2 = 1e-8, 0.999  # of Adam


class Rule(NamedTuple):
    """A rule with the limit that its dynamics on a quadratic set."""

    make: Callable[..., optax.GradientTransformation]
    """learning_rate, decay -> the rule."""
    numerator: Callable[[float], float]
    """decay -> learning rate x largest stable eigenvalue."""
    formula: str
    adaptive: bool = False
    """Whether the limit holds for the Hessian in the metric of the second moment."""

    def limit(self, learning_rate: float, decay: float) -> float:
        """Return the largest stable eigenvalue."""
        return self.numerator(decay) / learning_rate


RULES = {
    "gradient descent": Rule(
        lambda learning_rate, decay: update_rules.sgd(learning_rate),
        lambda b: 2.0,
        "2 / a",
    ),
    "heavy ball": Rule(
        lambda learning_rate, decay: update_rules.momentum(learning_rate, decay=decay),
        lambda b: 2 + 2 * b,
        "(2 + 2b) / a",
    ),
    "Nesterov": Rule(
        lambda learning_rate, decay: update_rules.nesterov(learning_rate, decay=decay),
        lambda b: (2 + 2 * b) / (1 + 2 * b),
        "(2 + 2b) / ((1 + 2b) a)",
    ),
    "Adam": Rule(
        lambda learning_rate, decay: update_rules.adam(
            learning_rate, b1=decay, b2=B2, eps=EPS
        ),
        lambda b: (2 + 2 * b) / (1 - b),
        "(2 + 2b) / ((1 - b) a), of P^-1 H",
        adaptive=True,
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which rules are followed at which rates, and for how long."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS
    examples: runs.Count = 1_000  # trained on, the first ones, all in one batch
    seeds: runs.Seeds = tuple(range(5))  # networks of a population, at least 2
    width: runs.Count = 32  # units of each hidden layer
    depth: runs.Count = 2  # hidden layers
    # of the initial kernels; small, so that they sharpen
    initial_scale: runs.Positive = 0.4
    # step sizes; the limits they set must be out of reach at first, then within it
    descent_rates: runs.Positives = (0.15, 0.2)  # of gradient descent
    momentum_rates: runs.Positives = (0.3, 0.35)  # of the heavy ball
    nesterov_rates: runs.Positives = (0.1, 0.15)  # of Nesterov's momentum
    adam_rates: runs.Positives = (0.002, 0.004)  # of Adam
    # of gradient descent with a limit that stays out of reach
    free_rate: runs.Positive = 0.05
    decay: float = 0.9  # of momentum, also Adam's
    updates: runs.Count = 1_500  # of every training
    evaluate_every: runs.Count = 50  # updates between two looks at the top eigenvalue
    valley_rate: runs.Fraction = 0.2  # of gradient descent on (xy - 1)^2 / 2
    # for each curvature that gradient flow would end at
    valley_starts: runs.Several = 20
    valley_updates: runs.Count = 10_000  # from each of them

    def _check(self):
        if self.free_rate >= min(self.descent_rates):
            raise ValueError(
                f"free_rate is {self.free_rate}; expected less than the lowest of "
                f"descent_rates, {min(self.descent_rates)}"
            )
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay is {self.decay}; expected 0 <= decay < 1")

    @property
    def rates(self) -> dict[str, tuple[float, ...]]:
        """Name of each rule -> its learning rates."""
        rates = (
            self.descent_rates,
            self.momentum_rates,
            self.nesterov_rates,
            self.adam_rates,
        )
        return dict(zip(RULES, rates, strict=True))


SMALL = {
    "examples": 64,
    "seeds": (0, 1),
    "width": 4,
    "depth": 1,
    "descent_rates": (0.2,),
    "momentum_rates": (0.3,),
    "nesterov_rates": (0.1,),
    "adam_rates": (0.004,),
    "updates": 8,
    "evaluate_every": 4,
    "valley_starts": 2,
    "valley_updates": 100,
}


class Edge(NamedTuple):
    """Networks trained with one rule at one rate."""

    limit: float
    """The largest stable eigenvalue."""
    updates: np.ndarray
    """At which the eigenvalue was taken [T]."""
    sharpness: np.ndarray
    """Top eigenvalue of the Hessian, in the rule's own metric [M, T]."""
    losses: np.ndarray
    """Training loss before every update [M, T']."""

    @property
    def ratio(self) -> np.ndarray:
        """The top eigenvalue over its limit [M, T]."""
        return self.sharpness / self.limit

    def late(self, values: np.ndarray) -> np.ndarray:
        """Return the last quarter of values along the training."""
        return values[..., -max(1, values.shape[-1] // 4) :]


class Findings(NamedTuple):
    """What was found along the trainings, and in the valley."""

    edges: Mapping[str, Mapping[float, Edge]]
    """Rule -> rate -> networks; the lowest rate of gradient descent is the free one."""
    valley: valley.Descents

    def at_the_edge(self, rule: str) -> dict[float, Edge]:
        """Return rate -> networks whose limit was to be reached, rates rising."""
        edges = dict(sorted(self.edges[rule].items()))
        if rule == DESCENT:
            del edges[min(edges)]
        return edges

    @property
    def free(self) -> Edge:
        """The networks of gradient descent whose limit stayed out of reach."""
        return self.edges[DESCENT][min(self.edges[DESCENT])]

    @property
    def fast(self) -> Edge:
        """The networks of gradient descent at its highest rate."""
        return list(self.at_the_edge(DESCENT).values())[-1]


def run(config: Config, context: runs.Context) -> Findings:
    """Train with every rule at every rate, and descend the valley."""
    study = training.Study(config, context)
    study.keep(config.examples)
    rates = dict(config.rates)
    rates[DESCENT] = (config.free_rate, *rates[DESCENT])
    with context.phase("training"):
        edges = {name: _follow(config, study, name, rates[name]) for name in RULES}
    with context.phase("valley"):
        descents = valley.measure(
            config.seeds[0],
            rate=config.valley_rate,
            starts=config.valley_starts,
            updates=config.valley_updates,
        )
    return Findings(edges, descents)


def _follow(config, study, name, rates):
    """Train a population for every rate of one rule."""
    rule, members = RULES[name], len(config.seeds)

    def build(**shape):
        widths = (config.width,) * config.depth
        return models.MLP(widths=widths, activation=jax.numpy.tanh, **shape)

    make = optax.inject_hyperparams(
        lambda learning_rate: rule.make(learning_rate, config.decay)
    )
    model = study.network(build)
    history = study.population(
        build,
        make(learning_rate=rates[0]),
        name=name,
        batch_size=config.examples,
        updates=config.updates,
        seeds=tuple(config.seeds) * len(rates),
        hyperparams={"learning_rate": np.repeat(rates, members)},
        loss=losses.squared_error,
        initialise=_scaled(study.initialise(model), config.initial_scale),
        evaluate_every=config.evaluate_every,
        watch=("train",),
        measure=_make_measure(model, study.dataset, rule, study.devices),
    ).history
    return {
        rate: Edge(
            limit=rule.limit(rate, config.decay),
            updates=history["sharpness_step"] + 1,
            sharpness=history["sharpness"].T[i : i + members].astype(np.float64),
            losses=history["loss"].T[i : i + members].astype(np.float64),
        )
        for rate, i in zip(rates, range(0, len(rates) * members, members), strict=True)
    }


def _scaled(initialise, scale):
    return lambda key: jax.tree.map(lambda leaf: scale * leaf, initialise(key))


def _make_measure(model, dataset, rule, devices):
    """Return a function of a population's state alone, as a resumed run asks for."""
    metrics = train.batch_metrics(model, losses.squared_error)
    chunks = (np.array_split(array, len(devices)) for array in dataset.train)
    batches = list(zip(*chunks, strict=True))

    def mean_loss(params, batch):
        return metrics({"params": params}, batch)["loss"]

    def measure(state):
        host = jax.device_get((state.params, state.opt_state))
        values = [
            _sharpness(mean_loss, batches, rule, devices, *_member(host, index))
            for index in range(len(state.step))
        ]
        return {"sharpness": np.asarray(values, np.float32)}

    return measure


def _member(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _sharpness(mean_loss, batches, rule, devices, params, opt_state):
    """Return the top eigenvalue, searched from the gradient, which is mostly near."""
    where = (mean_loss, params, batches)
    op = curvature.hessian(*where, devices=devices)
    guess = curvature.gradient(*where, devices=devices)
    if rule.adaptive:
        metric = curvature.preconditioner(opt_state, b2=B2, eps=EPS)
        op = curvature.precondition(op, metric)
        guess = jax.tree.map(lambda g, p: g / p**0.5, guess, metric)
    pairs = curvature.top_eigenpairs(
        op, 1, key=jax.random.key(0), tol=TOLERANCE, start=guess
    )
    return float(pairs.values[0])


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    claims = report.family(
        [
            *(_settles(found, rule) for rule in RULES),
            *_sharpening_claims(found),
            *_loss_claims(found),
            valley.claim(found.valley),
        ]
    )
    effects = report.effects(claims)
    ends = ", ".join(f"{effects[_id(rule)]} ({rule})" for rule in RULES)
    return report.Report(
        title="Edge of stability",
        summary=(
            "In the last quarter of training the top eigenvalue, over the largest that "
            f"the rule can bear on a quadratic, is {ends}. Far below its limit, "
            "gradient descent sharpens by a factor of "
            f"{effects['edge.sharpening']}, and ends {effects['edge.flatter']} times "
            "as sharp as at its highest rate."
        ),
        claims=claims,
        sections=[
            _rules(config, found),
            _descent(found),
            _loss(found),
            valley.section(found.valley),
        ],
    )


def _id(rule):
    return f"edge.{rule.lower().replace(' ', '_')}"


def _settles(found, rule):
    say = report.Claims(source=SOURCE[rule], figure="edge")
    edges = found.at_the_edge(rule).values()
    low, high = BAND
    metric = ", in the metric of its second moment," if rule == ADAPTIVE else ""
    return say.mean(
        _id(rule),
        f"Under {rule} the top eigenvalue{metric} ends within {100 * (high - 1):.0f} % "
        "of the largest that the rule can bear.",
        "top eigenvalue / limit, last quarter",
        np.mean([edge.late(edge.ratio).mean(axis=1) for edge in edges], axis=0),
        above=low,
        below=high,
    )


def _sharpening_claims(found):
    say = report.Claims(source=SOURCE[DESCENT], figure="descent")
    slow, fast = found.free, found.fast
    end = slow.late(slow.sharpness).mean(axis=1)
    return [
        say.ratio(
            "edge.sharpening",
            "Far below its limit, gradient descent moves to ever larger curvature.",
            "top eigenvalue, last quarter / first look",
            (end, slow.sharpness[:, 0]),
            above=1,
        ),
        say.ratio(
            "edge.flatter",
            "A larger rate ends in a flatter place, though it has gone farther.",
            "top eigenvalue, lowest / highest rate",
            (end, fast.late(fast.sharpness).mean(axis=1)),
            above=1,
        ),
    ]


def _loss_claims(found):
    say = report.Claims(source=SOURCE[DESCENT], figure="loss")
    return [
        say.paired(
            "edge.rises",
            "At the edge more of the updates raise the loss than far below.",
            "% of the updates of the last quarter",
            (_rises(found.fast), _rises(found.free)),
            above=0,
        ),
        say.ratio(
            "edge.falls",
            "At the edge the loss falls on, over many updates.",
            "training loss, at the end / when the limit was reached",
            (found.fast.losses[:, -1], _loss_at_limit(found.fast)),
            below=1,
        ),
    ]


def _rises(edge):
    """Return how many of the late updates raised the loss, in %, [M]."""
    return 100 * np.mean(np.diff(edge.late(edge.losses), axis=1) > 0, axis=1)


def _loss_at_limit(edge):
    """Return the loss at the first look above the limit, [M]; NaN if there is none."""
    above = edge.ratio >= 1
    updates = edge.updates[above.argmax(axis=1)]
    at = np.minimum(updates, edge.losses.shape[1] - 1)
    losses = np.take_along_axis(edge.losses, at[:, None], axis=1)[:, 0]
    return np.where(above.any(axis=1), losses, np.nan)


def _rules(config, found):
    fastest = {
        f"{rule}, a = {max(edges):g}": edges[max(edges)]
        for rule in RULES
        for edges in [found.at_the_edge(rule)]
    }
    header = ("rule, rate a", "limit", "value", "top eigenvalue", "over the limit")
    return report.Section(
        "Each rule against its own limit",
        f"The limits are those of a quadratic, with b = {config.decay:g}. Adam is "
        "momentum of weight 1 - b on P^-1 g, P the root of its second moment, so its "
        "limit is one for the eigenvalues of P^-1 H. The default rates were chosen in "
        "pilots on digits, so that every limit is out of reach at first and within "
        "reach later; a limit set too high is never met.",
        report.Table(
            (*header, "training loss"),
            [
                (
                    f"{rule}, {rate:g}",
                    RULES[rule].formula,
                    edge.limit,
                    edge.late(edge.sharpness).mean(axis=1),
                    edge.late(edge.ratio).mean(axis=1),
                    edge.losses[:, -1],
                )
                for rule, edges in found.edges.items()
                for rate, edge in edges.items()
            ],
            "Top eigenvalues are means over the last quarter of the training; mean ± "
            f"standard deviation over seeds. At a = {config.free_rate:g} the limit is "
            "meant to stay out of reach.",
        ),
        report.Curves(
            "edge",
            {name: (edge.updates, edge.ratio) for name, edge in fastest.items()},
            ("updates", "top eigenvalue / limit"),
            levels={"limit": 1.0},
            caption=(
                "Top eigenvalue of the Hessian over the rule's own limit, at the "
                "highest rate of each rule."
            ),
        ),
    )


def _descent(found):
    return report.Section(
        "Sharpening, and where it stops",
        "Left alone, training moves towards larger curvature. It does so until the "
        "rate forbids more.",
        report.Curves(
            "descent",
            {
                f"a = {rate:g}": (edge.updates, edge.sharpness)
                for rate, edge in found.edges[DESCENT].items()
            },
            ("updates", "top eigenvalue of the Hessian"),
            levels={
                f"limit 2 / {rate:g}": edge.limit
                for rate, edge in found.at_the_edge(DESCENT).items()
            },
            caption="Gradient descent at three rates, and the limits of two.",
        ),
    )


def _loss(found):
    edges = found.edges[DESCENT]
    return report.Section(
        "The loss at the edge",
        "An update along an unstable direction overshoots, and the loss rises. Yet it "
        "falls on over many updates.",
        report.Table(
            ("rate", "late updates that raise the loss (%)"),
            [(f"{rate:g}", _rises(edge)) for rate, edge in edges.items()],
            "Of the last quarter; mean ± standard deviation over seeds.",
        ),
        report.Curves(
            "loss",
            {
                f"a = {rate:g}": (np.arange(edge.losses.shape[1]), edge.losses)
                for rate, edge in edges.items()
            },
            ("updates", "training loss"),
            log="y",
            caption="Half the squared error before every update.",
        ),
    )
