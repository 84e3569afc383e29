"""Does training stop at the curvature that its update rule can just bear?

On a quadratic an update rule is stable up to a largest curvature that its rate sets:
2 / a for gradient descent, more with momentum; for SAM it shrinks with the gradient. A
small tanh network is trained with all examples at once by five rules, and the top
eigenvalue of the Hessian is followed along: for Adam that of the Hessian in the metric
of its second moment. Gradient flow, which has no limit, is the control, and critical
sharpness shows the edge from losses alone. Beside it stands the loss (xy − 1)² / 2,
whose minima have every curvature from 2 upwards.

Run: python launch.py --experiment=edge_of_stability

Expected: 7 minutes on two CPU cores; all 15 empirical claims are supported. In the last
quarter the top eigenvalue is 1.00 of its limit under gradient descent, 0.95 under the
heavy ball, 0.97 under Nesterov and Adam and 1.02 under SAM, which ends at 0.46 of what
gradient descent can bear. Far below its limit gradient descent sharpens by a factor of
2.3 and follows gradient flow to 0.1 %; after the same time the flow is 1.34 times as
sharp as descent at its highest rate. Critical sharpness is 0.99 of the limit at the
edge, and 0.002 of the top eigenvalue far below it.

Source: Cohen et al. 2021, arXiv:2103.00065; Cohen et al. 2022, arXiv:2207.14484; Long
and Bartlett 2024, arXiv:2309.12488; Kalra et al. 2026, arXiv:2601.16979

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import edge_of_stability_critical as critical
from experiments import edge_of_stability_flow as flow
from experiments import edge_of_stability_loss as loss
from experiments import edge_of_stability_sam as sam
from experiments import edge_of_stability_valley as valley
from experiments import training
from experiments.edge_of_stability_rules import (
    ADAPTIVE,
    B2,
    BAND,
    COHEN,
    DESCENT,
    EPS,
    RULES,
    SAM,
    Constants,
)
from lec7 import curvature, losses, report, runs

TOLERANCE = 0.02  # residual of an eigenpair; the eigenvalue's error is of its square


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which rules are followed at which rates, and for how long."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    examples: runs.Count = 1_000  # trained on, the first ones, all in one batch
    seeds: runs.Seeds = tuple(range(8))  # networks of a population, at least 2
    model: training.Model = "mlp"  # network; an mlp has tanh for ReLU here
    width: runs.Count = 32  # units of each hidden layer of an mlp
    depth: runs.Count = 2  # hidden layers of an mlp
    # of the initial kernels; small, so that they sharpen
    initial_scale: runs.Positive = 0.4
    # step sizes; the limits they set must be out of reach at first, then within it
    descent_rates: runs.Positives = (0.15, 0.2)  # of gradient descent
    momentum_rates: runs.Positives = (0.3, 0.35)  # of the heavy ball
    nesterov_rates: runs.Positives = (0.1, 0.15)  # of Nesterov's momentum
    adam_rates: runs.Positives = (0.002, 0.004)  # of Adam
    sam_rates: runs.Positives = (0.1, 0.15)  # of SAM
    # of gradient descent with a limit that stays out of reach; and the step in time of
    # gradient flow
    free_rate: runs.Positive = 0.05
    decay: float = 0.9  # of momentum, also Adam's
    rho: runs.Positive = 0.02  # radius of SAM
    updates: runs.Count = 1_500  # of every training
    evaluate_every: runs.Count = 50  # updates between two looks at the top eigenvalue
    valley_rate: runs.Fraction = 0.2  # of gradient descent on (xy − 1)² / 2
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
            self.sam_rates,
            (self.free_rate,),
        )
        return dict(zip(RULES, rates, strict=True))

    @property
    def constants(self) -> Constants:
        """What rules have beside a learning rate."""
        return Constants(self.decay, self.rho)


SMALL = {
    "examples": 64,
    "seeds": (0, 1),
    "width": 4,
    "depth": 1,
    "descent_rates": (0.2,),
    "momentum_rates": (0.3,),
    "nesterov_rates": (0.1,),
    "adam_rates": (0.004,),
    "sam_rates": (0.1,),
    "updates": 8,
    "evaluate_every": 4,
    "valley_starts": 2,
    "valley_updates": 100,
}


class Edge(NamedTuple):
    """Networks trained with one rule at one rate."""

    limit: float | np.ndarray
    """The largest stable eigenvalue; [M, T] where it depends on the gradient."""
    updates: np.ndarray
    """At which the eigenvalue was taken [T]."""
    sharpness: np.ndarray
    """Top eigenvalue of the Hessian, in the rule's own metric [M, T]."""
    critical: np.ndarray
    """Critical sharpness along the gradient, in the same metric [M, T]."""
    losses: np.ndarray
    """Training loss before every update [M, T']."""

    @property
    def ratio(self) -> np.ndarray:
        """The top eigenvalue over its limit [M, T]."""
        return self.sharpness / self.limit

    @property
    def settled(self) -> np.ndarray:
        """The mean of the ratio over the last quarter [M]."""
        return self.late(self.ratio).mean(axis=1)

    @property
    def late_limit(self) -> float | np.ndarray:
        """The limit, the mean over the last quarter where it changes [M]."""
        limit = self.limit
        return self.late(limit).mean(axis=1) if np.ndim(limit) else limit

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
    widths = (config.width,) * config.depth
    build = training.named(config.model, widths=widths, activation=jnp.tanh)
    make = optax.inject_hyperparams(
        lambda learning_rate: rule.make(learning_rate, config.constants)
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
        measure=_make_measure(config, model, study, rule),
    ).history
    return {
        rate: Edge(
            limit=rule.limit(rate, config.constants, row["slope"]),
            updates=history["sharpness_step"] + 1,
            sharpness=row["sharpness"],
            critical=row["critical"],
            losses=row["loss"],
        )
        for index, rate in enumerate(rates)
        for row in [_rows(history, slice(index * members, (index + 1) * members))]
    }


def _rows(history, members):
    """Return what was recorded of some members, [M, T] each."""
    names = ("loss", "sharpness", "slope", "critical")
    return {name: history[name].T[members].astype(np.float64) for name in names}


def _scaled(initialise, scale):
    """Return key -> initial variables with kernels that are as many times as large."""

    def part(path, leaf):
        return scale * leaf if path[-1].key == "kernel" else leaf

    return lambda key: jax.tree_util.tree_map_with_path(part, initialise(key))


def _make_measure(config, model, study, rule):
    """Return a function of a population's state alone, as a resumed run asks for.

    The loss is that of training: BatchNorm, which an MLP lacks, sees all examples.
    """
    own = jax.process_index()  # every host looks at all networks by itself
    devices = [device for device in study.devices if device.process_index == own]
    model = model.clone(axis_name=None)
    parts = len(devices) if config.model == "mlp" else 1
    chunks = (np.array_split(array, parts) for array in study.dataset.train)
    batches = list(zip(*chunks, strict=True))

    def mean_loss(params, batch):
        images, labels = batch
        with jax.default_matmul_precision("highest"):
            logits, _ = model.apply(
                {"params": params}, images, train=True, mutable=["batch_stats"]
            )
        return jnp.mean(losses.squared_error(logits, labels))

    def measure(state):
        host = jax.device_get((state.params, state.opt_state))
        looks = [
            _look(mean_loss, batches, rule, devices, *_member(host, index))
            for index in range(len(state.step))
        ]
        return {
            name: np.asarray([look[name] for look in looks], np.float32)
            for name in looks[0]
        }

    return measure


def _member(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _look(mean_loss, batches, rule, devices, params, opt_state):
    """Return top eigenvalue, gradient norm and critical sharpness in the metric.

    The eigenvector is searched from the gradient, which is mostly near.
    """
    where = (mean_loss, params, batches)
    op = curvature.hessian(*where, devices=devices)
    gradient = guess = curvature.gradient(*where, devices=devices)
    down = jax.tree.map(lambda g: -g, gradient)
    if rule.adaptive:
        metric = curvature.preconditioner(opt_state, b2=B2, eps=EPS)
        op = curvature.precondition(op, metric)
        guess = jax.tree.map(lambda g, p: g / p**0.5, gradient, metric)
        down = jax.tree.map(lambda g, p: -g / p, gradient, metric)
    pairs = curvature.top_eigenpairs(
        op, 1, key=jax.random.key(0), tol=TOLERANCE, start=guess
    )
    top = float(pairs.values[0])
    return {
        "sharpness": top,
        "slope": float(optax.tree.norm(gradient)),
        "critical": critical.measure(*where, direction=down, top=top),
    }


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    claims = report.family(
        [
            *(_settles(found, rule) for rule, of in RULES.items() if not of.control),
            sam.claim(found.at_the_edge(SAM)),
            *_sharpening_claims(found),
            *flow.claims(found.edges),
            *critical.claims(found.fast, found.free),
            *loss.claims(found.fast, found.free),
            valley.claim(found.valley),
        ]
    )
    return report.Report(
        title="Edge of stability",
        summary=_summary(claims),
        claims=claims,
        sections=[
            _rules(config, found),
            sam.section(config.rho, found.at_the_edge(SAM)),
            _descent(found),
            flow.section(found.edges),
            critical.section(found.edges, found.fast, found.free),
            loss.section(found.edges[DESCENT]),
            valley.section(found.valley),
        ],
    )


def _summary(claims):
    told = functools.partial(report.by_verdict, claims)
    effects = report.effects(claims)
    rules = {_id(rule): rule for rule, of in RULES.items() if not of.control}
    near = report.group_by_verdict(
        claims,
        rules,
        "the same to 10 % with {}",
        "clearly different with {}",
        "not clearly the same with {}",
    )
    ends = [f"{effects[id]} with {rule}" for id, rule in rules.items()]
    return (
        "The largest curvature late in training, compared with what the rule can just "
        f"bear, is {near}."
        "\n\nIn the last quarter of training the top eigenvalue of the Hessian, over "
        f"the largest that the rule can bear on a quadratic, is {report.listing(ends)}."
        "\n\nFar below its limit gradient descent "
        + told("edge.sharpening", "sharpens", "flattens", "may or may not sharpen")
        + f", by a factor of {effects['edge.sharpening']}. The place where its highest "
        "rate ends is "
        + told("edge.flatter", "flatter", "sharper", "not clearly flatter")
        + f" than that of its lowest (a ratio of {effects['edge.flatter']}). At the "
        "edge critical sharpness is "
        + told("critical.edge", "near", "away from", "not clearly near")
        + f" the limit, {effects['critical.edge']} of it."
    )


def _id(rule):
    return f"edge.{rule.lower().replace(' ', '_')}"


def _settles(found, rule):
    say = report.Claims(source=RULES[rule].source, figure="edge")
    low, high = BAND
    metric = ", in the metric of its second moment," if rule == ADAPTIVE else ""
    settled = [edge.settled for edge in found.at_the_edge(rule).values()]
    return say.mean(
        _id(rule),
        f"Under {rule} the top eigenvalue{metric} ends within {100 * (high - 1):.0f} % "
        "of the largest that the rule can bear.",
        "top eigenvalue / limit, last quarter",
        np.mean(settled, axis=0),
        above=low,
        below=high,
    )


def _sharpening_claims(found):
    say = report.Claims(source=COHEN, figure="descent")
    slow, fast = found.free, found.fast
    end = slow.late(slow.sharpness).mean(axis=1)
    return [
        say.ratio(
            "edge.sharpening",
            "Far below its limit, gradient descent moves to larger curvature.",
            "top eigenvalue, last quarter / first look",
            (end, slow.sharpness[:, 0]),
            above=1,
        ),
        say.ratio(
            "edge.flatter",
            "A larger rate ends in a flatter place, after as many updates.",
            "top eigenvalue, lowest / highest rate",
            (end, fast.late(fast.sharpness).mean(axis=1)),
            above=1,
        ),
    ]


def _rules(config, found):
    fastest = {
        f"{rule}, {max(edges):g}": edges[max(edges)]
        for rule, of in RULES.items()
        for edges in [found.at_the_edge(rule)]
        if not of.control
    }
    header = ("rule, rate a", "limit", "value", "top eigenvalue", "over the limit")
    return report.Section(
        "Each rule against its own limit",
        "The limits are those of a quadratic at the learning rate a, with the decay b "
        f"= {config.decay:g} of the momentum. Adam is momentum of weight 1 − b on P⁻¹ "
        "g, P the root of its second moment, so its limit is one for the eigenvalues "
        f"of P⁻¹ H. SAM looks at the gradient r = {config.rho:g} farther up, so its "
        "limit falls with the norm of the gradient; r = 0 is gradient descent. The "
        "default rates were chosen in pilots on digits, so that every limit is out of "
        "reach at first and within reach later; a limit set too high is never met.",
        report.Table(
            (*header, "training loss"),
            [
                (
                    f"{rule}, {rate:g}",
                    RULES[rule].formula,
                    edge.late_limit,
                    edge.late(edge.sharpness).mean(axis=1),
                    edge.settled,
                    edge.losses[:, -1],
                )
                for rule, edges in found.edges.items()
                for rate, edge in edges.items()
            ],
            "Top eigenvalues are means over the last quarter of the training; mean ± "
            f"standard deviation over seeds. At the rate {config.free_rate:g} the "
            "limit is meant to stay out of reach.",
        ),
        report.Curves(
            "edge",
            {name: (edge.updates, edge.ratio) for name, edge in fastest.items()},
            ("updates", "top eigenvalue / limit"),
            levels={"limit": 1.0},
            caption="Top eigenvalue of the Hessian over the rule's own limit, at the "
            "highest rate of each rule. A curve that stays at 1 is at the edge.",
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
                f"rate {rate:g}": (edge.updates, edge.sharpness)
                for rate, edge in found.edges[DESCENT].items()
            },
            ("updates", "top eigenvalue of the Hessian"),
            levels={
                f"limit 2 / {rate:g}": edge.limit
                for rate, edge in found.at_the_edge(DESCENT).items()
            },
            caption="Top eigenvalue under gradient descent at three rates, and the "
            "limits of two.",
        ),
    )
