"""Do minima lie in one basin, once hidden units are numbered alike?

Networks are trained in pairs: from different starts, from one start with different
batches, and from one network that parts in two later on. Loss and error are measured on
the straight line between the two; after the units of one are numbered as in the other;
and on a trained curve. As a control a network is joined to itself with its units
shuffled.

Run: python launch.py --experiment=mode_connectivity

Expected: 4 minutes on two CPU cores. Of 12 empirical claims 11 are supported and one is
inconclusive. Between networks from different starts the test error rises by 8.2 points;
with units matched by 2.6 (1.7 to 3.4), which does not decide whether it is below 2,
though four fifths of the barrier in training loss are gone; on a trained curve by 0.8.
Between networks of one start that saw different batches it rises by 0.15 points, and if
they part after 100 updates by 0.01. Matching puts every shuffled copy back.

Source: Ainsworth et al. 2023, arXiv:2209.04836 (Git Re-Basin); Frankle et al. 2020,
arXiv:1912.05671; Garipov et al. 2018, arXiv:1802.10026

Data: digits, or any data set
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import jax
import numpy as np

from experiments import mode_connectivity_plane as plane
from experiments import tested, training
from lec7 import data, landscape, losses, models, report, runs, train, update_rules

POSITIONS = np.linspace(0, 1, 31)  # of the line and the curve, as Frankle et al.
STABLE = 2.0  # points of error by which Frankle et al. call a pair stable
MOST = 0.5  # share of a barrier that must go, to say that most of it goes
STRIDE = 1_000_000  # between the seeds of the networks of one pair
BEND_RATE = 0.01  # learning rate of Adam, which trains the bend of a curve
APART, MATCHED, CURVE = "different starts", "units matched", "trained curve"
AINSWORTH = "Ainsworth et al. 2023, arXiv:2209.04836, section 5"
FRANKLE = "Frankle et al. 2020, arXiv:1912.05671, figure 2"
GARIPOV = "Garipov et al. 2018, arXiv:1802.10026, section 3"
SHUFFLED, RESTORED = "shuffled copy", "shuffled copy, units matched"

Forks = Annotated[
    tuple[int, ...],
    runs.Range(
        "0 first, then rising numbers of updates",
        lambda forks: forks[:1] == (0,) and sorted(set(forks)) == list(forks),
    ),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which networks are trained, and when their ways part."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS
    seeds: runs.Seeds = tuple(range(10))  # pairs of each kind, at least 2
    width: runs.Count = 256  # units of each hidden layer
    depth: runs.Count = 2  # hidden layers
    learning_rate: runs.Positive = 0.001  # of Adam
    batch_size: runs.Count = 60  # examples an update
    updates: runs.Count = 1_000  # of every network
    forks: Forks = (0, 20, 100)  # updates after which two copies go different ways
    bend_steps: runs.Count = 300  # updates of the bend of a curve

    def _check(self):
        if self.forks[-1] >= self.updates:
            raise ValueError(
                f"forks is {self.forks}; expected less than updates, {self.updates}"
            )


SMALL = {"seeds": (0, 1), "width": 8, "depth": 1, "updates": 8} | {
    "forks": (0, 4),
    "bend_steps": 2,
}

Way = Mapping[str, Mapping[str, np.ndarray]]
"""Split -> `loss` in nats and `accuracy`, [M, A] at the A places of `POSITIONS`; of the
test split `rises` as well, the points that each example adds to the highest rise of the
error above the chord, [M, N]."""


class Findings(NamedTuple):
    """What was found between the networks of M pairs."""

    ways: Mapping[str, Way]
    """Kind of pair -> what was met on the way."""
    recovered: np.ndarray
    """Whether matching put all units of a shuffled copy back [M]."""
    plane: plane.Plane
    """Of the first pair from different starts, and the curve between them."""

    def barrier(self, way: str, of: str = "loss", split: str = "train") -> np.ndarray:
        """Return how far a way rises above its ends [M], in nats or in points."""
        values = self.ways[way][split][of]
        heights = values if of == "loss" else 100 * (1 - values)
        return landscape.rise_above_chord(POSITIONS, heights)


def parted(fork: int) -> str:
    """Return the name of pairs that share their first updates."""
    return "one start" if fork == 0 else f"{fork:,} updates shared"


def run(config: Config, context: runs.Context) -> Findings:
    """Train the pairs, and go from one network of each to the other."""
    study = training.Study(config, context, batches=("batch_size",))
    with context.phase("training"):
        pairs = _train(config, study)
    with context.phase("ways"):
        return _measure(config, context, study, pairs)


def _build(config, **shape):
    return models.MLP(widths=(config.width,) * config.depth, **shape)


def _train(config, study):
    """Return kind -> the two populations whose members are its pairs."""
    grow = functools.partial(_grow, config, study)
    model = study.network(functools.partial(_build, config))
    rule = update_rules.adam(config.learning_rate)
    trunk = train.initial_population(study.initialise(model), rule, config.seeds)
    start, made, pairs = (trunk.params, trunk.opt_state), 0, {}
    for index, fork in enumerate(config.forks):
        place, members = 3 * index, len(config.seeds)
        if fork > made:
            trunk = grow(f"trunk to {fork}", start, [place], fork - made)
            start, made = (trunk.variables["params"], trunk.opt_state), fork
        places = [place + 1, place + 2]
        ends = grow(f"from {fork}", start, places, config.updates - fork)
        halves = slice(members), slice(members, None)
        pairs[parted(fork)] = tuple(map(ends.part, halves))
    strangers = grow("others", None, [3 * len(config.forks)], config.updates)
    return {APART: (pairs[parted(0)][0], strangers), **pairs}


def _grow(config, study, name, start, places, updates):
    """Train networks on from parameters and a state of the rule.

    Each goes on with the batches of new seeds, as often as there are places for them;
    without a start it begins with the parameters of its own seed.
    """
    seeds = tuple(STRIDE * place + seed for place in places for seed in config.seeds)

    def begin(state):
        params, opt_state = (
            jax.tree.map(lambda leaf: np.concatenate([leaf] * len(places)), tree)
            for tree in start
        )
        return state.replace(params=params, opt_state=opt_state)

    return study.population(
        functools.partial(_build, config),
        update_rules.adam(config.learning_rate),
        name=name,
        seeds=seeds,
        batch_size=config.batch_size,
        updates=updates,
        watch=("train",),
        start=begin if start else None,
    )


def _measure(config, context, study, pairs):
    """Go from the first to the second network of every pair, by every way."""
    model = study.network(functools.partial(_build, config))
    metrics = train.batch_metrics(model, losses.cross_entropy)
    rows, recovered, curves = [], [], []
    with context.progress.task("ways", len(config.seeds), unit="pair") as task:
        for index, seed in enumerate(config.seeds):
            ways = {
                name: [population.member(index) for population in pair]
                for name, pair in pairs.items()
            }
            apart = ways[APART]
            others, whole = _renumbered(config, *apart, jax.random.key(seed))
            bent = _bend(config, study.dataset, metrics, apart, seed)
            ways |= others | {CURVE: [bent]}
            rows.append(
                {
                    name: _look(study.dataset, model, metrics, *way)
                    for name, way in ways.items()
                }
            )
            recovered.append(whole)
            curves.append(bent)
            task.update(index + 1)
    stack = functools.partial(jax.tree.map, lambda *values: np.stack(values))
    found = {name: stack(*(row[name] for row in rows)) for name in rows[0]}
    return Findings(found, np.array(recovered), _plane(study, metrics, curves[0]))


def _plane(study, metrics, curve):
    batches = data.chunks(study.dataset.train, 1024)
    return plane.measure(lambda *at: metrics(*at)["loss"], curve, batches)


def _renumbered(config, first, second, key):
    """Return pairs with units in another order, and whether a copy's were put back."""
    layers = [f"params/Dense_{index}" for index in range(config.depth)]
    axes = landscape.dense_axes([*layers, "params/head"])
    match = functools.partial(landscape.match_permutations, axes=axes, key=key)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    orders = {layer: rng.permutation(config.width) for layer in layers}
    shuffled = landscape.permute(first, axes, orders)
    back = match(first, shuffled)
    whole = [
        np.array_equal(orders[it][back[it]], np.arange(config.width)) for it in layers
    ]
    pairs = {
        MATCHED: (first, landscape.permute(second, axes, match(first, second))),
        SHUFFLED: (first, shuffled),
        RESTORED: (first, landscape.permute(shuffled, axes, back)),
    }
    return pairs, all(whole)


def _look(dataset, model, metrics, *way):
    """Return loss and accuracy on a line between two networks, or on a curve."""
    found = {}
    for split in ("train", "test"):
        batches = data.chunks(getattr(dataset, split), 1024)
        if len(way) == 2:
            on = landscape.interpolate(metrics, *way, batches, alphas=POSITIONS)
        else:
            on = landscape.bezier_losses(metrics, *way, batches, positions=POSITIONS)
        found[split] = dict(on)
    found["test"]["rises"] = _rises(dataset, model, found["test"]["accuracy"], *way)
    return found


def _rises(dataset, model, accuracy, *way):
    """Return what test examples add to the highest rise of the error, points [N]."""
    chord = accuracy[0] + POSITIONS * (accuracy[-1] - accuracy[0])
    place = POSITIONS[np.argmax(chord - accuracy)]
    if len(way) == 2:
        points = [
            jax.tree.map(lambda a, b, t=t: (1 - t) * a + t * b, *way)
            for t in (0, place, 1)
        ]
    else:
        points = [way[0].at(t) for t in (0, place, 1)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *points)
    right = 100 * tested.right(model, stacked, dataset.test).astype(np.float32)
    return (1 - place) * right[0] + place * right[2] - right[1]


def _bend(config, dataset, metrics, pair, seed):
    """Return a curve between two networks, trained where the loss is low."""
    return landscape.bezier_path(
        lambda variables, batch: metrics(variables, batch)["loss"],
        *pair,
        data.chunks(dataset.train, 256),
        key=jax.random.key(seed),
        rule=update_rules.adam(BEND_RATE),
        steps=config.bend_steps,
    )


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show the ways."""
    basin, stability = _basin_claims(found), _stability_claims(config, found)
    claims = report.family([*basin, *stability, *_control_claims(found)])
    return report.Report(
        title="Mode connectivity",
        summary=_summary(claims),
        claims=claims,
        sections=[_barriers(found), *_pictures(config, found)],
    )


def _summary(claims):
    """Say whether units numbered alike leave one basin, then what other ways do."""
    told = functools.partial(report.by_verdict, claims)
    effects = report.effects(claims)
    low = f"below {STABLE:g}", f"above {STABLE:g}", f"not clearly below {STABLE:g}"
    return (
        told(
            "matched",
            "Yes: once hidden units are numbered alike, the test error rises by only "
            "{} points",
            "No: even with hidden units numbered alike, the test error rises by {} "
            "points",
            "It is not decided: with hidden units numbered alike the test error still "
            "rises by {} points",
        )
        + " on the straight line between networks from different starts, against "
        f"{effects['apart']} before."
        f"\n\nOn a trained curve it rises by {effects['curve']} points "
        f"({told('curve', *low)}); between networks of one start that saw different "
        f"batches, by {effects['stable.0']} ({told('stable.0', *low)})."
    )


def _error(say, found, id, statement, way, **ends):
    """Decide how far the test error rises on a way, as Frankle et al. measure it."""
    unit = "points of test error above the ends"
    rises = found.ways[way]["test"]["rises"]
    say = dataclasses.replace(say, figure=f"{say.figure}_error")
    return say.mean(id, statement, unit, rises, **ends)


def _removed(say, found, id, statement, way):
    """Decide whether a way avoids most of the barrier between strangers."""
    with np.errstate(invalid="ignore", divide="ignore"):  # of no barrier at all
        removed = 1 - found.barrier(way) / found.barrier(APART)
    unit = "share of the barrier in training loss"
    return say.mean(id, statement, unit, removed, above=MOST)


def _basin_claims(found):
    say = report.Claims(source=AINSWORTH, figure="basin")
    bent = dataclasses.replace(say, source=GARIPOV)
    there = "Between networks from different starts there is a barrier."
    none = (
        "Between networks from different starts whose units are numbered alike there "
        "is no barrier."
    )
    most = "Numbering units alike takes away most of the barrier."
    curve = "A curve joins networks from different starts without a barrier."
    avoided = "The curve avoids most of the barrier on the line."
    return [
        _error(say, found, "apart", there, APART, above=STABLE),
        _error(say, found, "matched", none, MATCHED, below=STABLE),
        _removed(say, found, "matched.removed", most, MATCHED),
        _error(bent, found, "curve", curve, CURVE, below=STABLE),
        _removed(bent, found, "curve.removed", avoided, CURVE),
    ]


def _stability_claims(config, found):
    say = report.Claims(source=FRANKLE, figure="stability")
    first, last = (parted(config.forks[place]) for place in (0, -1))
    stable = "Networks that part after {:,} updates stay linearly connected."
    forks = [(fork, stable.format(fork), parted(fork)) for fork in config.forks]
    return [
        *(
            _error(say, found, f"stable.{fork}", statement, way, below=STABLE)
            for fork, statement, way in forks
        ),
        _lower(say, found, "start", "A shared start lowers the barrier.", APART, first),
        _lower(say, found, "later", "Parting later lowers the barrier.", first, last),
    ]


def _lower(say, found, id, statement, high, low):
    """Decide whether one barrier is lower than another."""
    pair = found.barrier(high), found.barrier(low)
    unit = f"nats of training loss, {high} − {low}"
    return say.paired(id, statement, unit, pair, above=0)


def _control_claims(found):
    say = report.Claims(source="a network joined to itself", figure="control")
    same = dataclasses.replace(say, kind="identity")
    ends = found.ways[SHUFFLED]["train"]["loss"][:, [0, -1]]
    alone = "The numbering of units alone raises a barrier."
    return [
        _error(say, found, "shuffled", alone, SHUFFLED, above=STABLE),
        say.share(
            "restored",
            "Matching finds the numbering of a shuffled copy again, to the last unit.",
            "share of networks",
            found.recovered,
            above=MOST,
        ),
        same.exact(
            "same_function",
            "A network with its units shuffled has the same loss.",
            "largest relative difference in training loss",
            np.abs(ends[:, 1] / ends[:, 0] - 1).max(),
            below=1e-3,
        ),
    ]


def _barriers(found):
    columns = list(itertools.product(("train", "test"), ("loss", "accuracy")))
    unit = {"loss": "loss (nats)", "accuracy": "error (points)"}
    return report.Section(
        "Barriers",
        "A barrier is how far a way rises at its highest above the chord between its "
        f"ends. Frankle et al. call a pair stable below {STABLE:g} points of error.",
        report.Table(
            ("way", *(f"{split} {unit[metric]}" for split, metric in columns)),
            [
                (way, *(found.barrier(way, metric, split) for split, metric in columns))
                for way in found.ways
            ],
            "Mean ± standard deviation over pairs; those of one row share no network.",
        ),
    )


def _pictures(config, found):
    """Show the ways between strangers, between relatives, and to oneself."""
    return [
        _picture(
            found,
            "One basin, up to the numbering of units?",
            "A network computes the same whichever way its hidden units are numbered. "
            "Git Re-Basin numbers those of one network as in the other, by their "
            "weights alone, and then goes straight. A curve keeps the numbers and goes "
            f"around; its bend is trained for {config.bend_steps:,} updates.",
            "basin",
            (APART, MATCHED, CURVE),
            plane.figure(
                found.plane,
                POSITIONS,
                {way: found.ways[way]["train"]["loss"][0] for way in (APART, CURVE)},
            ),
        ),
        _picture(
            found,
            "Stable to the noise of batches, from when on?",
            "Two copies of one network go on with different batches. If that noise "
            "decides between basins, a barrier comes between them. All networks are "
            f"trained for {config.updates:,} updates, the shared ones among them.",
            "stability",
            (APART, *map(parted, config.forks)),
        ),
        _picture(
            found,
            "Control: a network and itself",
            "A copy with its units shuffled is the same function at another point. "
            "What rises on the line to it is due to the numbering alone, and matching "
            "should find the numbering again.",
            "control",
            (SHUFFLED, RESTORED),
        ),
    ]


def _picture(found, heading, text, name, ways, *more):
    place = "position, from one network (0) to the other (1)"
    band = "Median over pairs, in a band from the lowest to the highest."
    of = {way: found.ways[way] for way in ways}
    errors = {way: 100 * (1 - at["test"]["accuracy"]) for way, at in of.items()}
    return report.Section(
        heading,
        text,
        report.Curves(
            f"{name}_error",
            {way: (POSITIONS, error) for way, error in errors.items()},
            (place, "test error (%)"),
            caption="Test error from one network of a pair to the other: a hill is a "
            "barrier, and a flat way lies in one basin.",
            band=band,
        ),
        report.Curves(
            name,
            {way: (POSITIONS, at["train"]["loss"]) for way, at in of.items()},
            (place, "training loss (nats)"),
            log="y",
            caption="Training loss on the same way.",
            band=band,
        ),
        *more,
    )
