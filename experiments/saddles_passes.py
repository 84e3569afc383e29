"""Mountain passes: how long rules take to leave a saddle."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from experiments import descents
from experiments import saddles_wells as measured
from lec7 import problems, report
from lec7.problems import passes

if TYPE_CHECKING:
    from experiments import saddles, saddles_shrinking

OFFSETS = 10.0 ** -np.arange(1, 9)  # |v| at the start of a descent over a pass
NOISES = 10.0 ** -np.arange(1, 9)  # standard deviations of gradient noise
NEAR = 1e-3  # |v| at the start where rules are compared
FAR = 1e-8  # |v| at the start where noise is compared with its absence
ASIDE = 0.01  # distance from a saddle at which the loss is compared with it
TYPICAL = {"a quick pass": 10, "a median pass": 50, "a slow pass": 90}


class Passes(NamedTuple):
    """Updates out of N passes, by rule where nothing else is said.

    A pass is straight where its axes are along the coordinates, turned where they are
    turned at random.
    """

    straight: Mapping[str, np.ndarray]
    """From each of `OFFSETS` [S, N]."""
    turned: Mapping[str, np.ndarray]
    """From `NEAR` [N]."""
    spent: np.ndarray
    """Of SGD's updates on turned passes, the share near the saddle's loss [N]."""
    first: np.ndarray
    """Length of its first gradient there [N]."""
    least: np.ndarray
    """Length of its least gradient there [N]."""
    gradients: Mapping[str, np.ndarray]
    """Lengths of its gradients on each of `TYPICAL`, a little beyond the end [T]."""
    noisy: np.ndarray
    """Of SGD from the ridge, with each of `NOISES` [L, N]."""
    noisy_far: np.ndarray
    """Of SGD from `FAR`, with the configured noise [N]."""
    at_saddle: np.ndarray
    """Whether SGD from the ridge of straight passes ends at the saddle [N]."""
    rounded: np.ndarray
    """Of SGD from the ridge of turned passes, without noise [N]."""
    beside: np.ndarray
    """The smaller of rise and drop beside the saddle [N]."""


def cross(config: "saddles.Config") -> Passes:
    """Descend over the passes."""
    straight = passes.draw(config.draws, offset=1.0, angle=0.0)
    turned = passes.draw(config.draws, offset=NEAR)
    ridge = passes.draw(config.draws, offset=0.0, angle=0.0)
    every = join(passes.moved(straight, OFFSETS), turned)
    found = {
        name: updates(config, name, every).reshape(len(OFFSETS) + 1, -1)
        for name in descents.RULES
    }
    noise = measured.draw_noise(config, config.steps)
    path = follow(config, "SGD", turned)
    counts = found["SGD"][-1]
    lengths = np.linalg.norm(np.diff(path.points, axis=1), axis=2) / config.rate
    flat = np.abs(path.losses) < 0.2 * np.abs(passes.half_way_down(turned))[:, None]
    until = [slice(int(count)) for count in counts]
    shown = {name: typical(counts, share) for name, share in TYPICAL.items()}
    last = follow(config, "SGD", ridge).points[:, -1]
    lowest = np.linalg.norm(ridge.slopes(last), axis=1)
    around = np.tile(ASIDE * np.eye(2)[:, None], (1, len(config.draws), 1))
    return Passes(
        straight={name: counts[:-1] for name, counts in found.items()},
        turned={name: counts[-1] for name, counts in found.items()},
        spent=np.array([row[to].mean() for row, to in zip(flat, until, strict=True)]),
        first=lengths[:, 0],
        least=np.array([row[to].min() for row, to in zip(lengths, until, strict=True)]),
        gradients={k: lengths[i, : int(1.2 * counts[i])] for k, i in shown.items()},
        noisy=np.stack([updates(config, "SGD", ridge, s * noise) for s in NOISES]),
        noisy_far=updates(
            config, "SGD", passes.moved(straight, [FAR]), config.noise * noise
        ),
        at_saddle=(np.linalg.norm(last, axis=1) < measured.ZERO)
        & (lowest < measured.ZERO),
        rounded=updates(config, "SGD", passes.draw(config.draws, offset=0.0)),
        beside=np.minimum(ridge.at(around[0]), -ridge.at(around[1])),
    )


def join(*families: problems.Family) -> problems.Family:
    """Return the members of families that have one function."""
    return problems.Family(
        families[0].function,
        np.concatenate([family.members for family in families]),
        np.concatenate([family.starts for family in families]),
    )


def updates(
    config: "saddles.Config",
    name: str,
    losses: problems.Family,
    noise: ArrayLike | None = None,
) -> np.ndarray:
    """Return after how many updates a rule leaves passes [N]."""
    level = passes.half_way_down(losses)[:, None]
    tuned = problems.tune(
        descents.RULES[name],
        losses,
        config.steps,
        rates=[config.rate],
        noise=noise,
        score=lambda values: problems.updates_below(values, level),
    )
    return tuned.scores[:, 0]


def follow(
    config: "saddles.Config", name: str, losses: problems.Family
) -> problems.Path:
    """Return the paths of a rule."""
    rule = descents.RULES[name]
    return problems.descend(rule, losses, config.steps, rates=config.rate)


def typical(values: np.ndarray, share: float) -> int:
    """Return the place of the value that a percentage of the others are below."""
    return int(np.argsort(values)[round((len(values) - 1) * share / 100)])


def claims(config: "saddles.Config", found: Passes) -> list[report.Claim]:
    """Decide what descents do at a saddle."""
    return [*_near_claims(config, found), *_escape_claims(config, found)]


def _near_claims(config, found):
    stops = report.Claims(source="lecture, 0:19:19", figure="escapes_by_offset")
    # On the ridge of a straight pass the gradient across it is exactly zero.
    exact = dataclasses.replace(stops, kind="identity")
    slow = report.Claims(source="lecture, 0:20:33", figure="gradients_on_passes")
    beside = report.Claims(
        source="introduction to optimisation", figure="trajectories", kind="identity"
    )
    return [
        exact.share(
            "L04",
            "At a saddle point SGD stops: descents from straight above it end there, "
            "and the gradient is zero.",
            "share of descents",
            found.at_saddle,
            above=0.95,
        ),
        stops.share(
            "L04.rounding",
            "SGD stops at a saddle for good, even where its axes are turned against "
            "the coordinates, so that rounding can push.",
            "share of descents",
            found.rounded >= config.steps,
            above=0.95,
        ),
        slow.mean(
            "L06",
            "Near a saddle progress is very slow: SGD spends more than half its "
            "updates, until it is out, with the loss within a tenth of the depth of "
            "the saddle's.",
            "share of updates",
            found.spent,
            above=0.5,
        ),
        slow.ratio(
            "L06.gradient",
            "Near a saddle the gradient is small: on the way it falls below a "
            "hundredth of the first.",
            "least gradient / first",
            (found.least, found.first),
            below=0.01,
        ),
        beside.mean(
            "D04.saddle",
            "A saddle is not an extremum: a hundredth to one side the loss is higher, "
            "to another lower.",
            "the smaller of rise and drop",
            found.beside,
            above=0,
        ),
    ]


def _escape_claims(config, found):
    tenfold = report.Claims(source="lecture, 0:20:33", figure="escapes_by_offset")
    noise = report.Claims(source="lecture, 0:22:35", figure="escapes_by_noise")
    carries = report.Claims(source="lecture, 0:24:34", figure="escapes_by_offset")
    down = passes.draw(config.draws, offset=1.0, angle=0.0).members[:, 1]
    places = np.arange(len(OFFSETS))
    return [
        tenfold.ratio(
            "L06.tenfold",
            "A start ten times nearer the ridge costs log 10 / log(1 + rate · m) more "
            "updates, to within 5 %.",
            "updates, measured / formula",
            (
                np.polyfit(places, found.straight["SGD"], 1)[0],
                np.log(10) / np.log1p(config.rate * down),
            ),
            above=0.95,
            below=1.05,
        ),
        noise.ratio(
            "L08.saddles",
            "Exact gradients do not cure saddles: from 1e-8 off the ridge SGD needs "
            "more updates without noise than with it.",
            "updates, exact / noisy",
            (found.straight["SGD"][OFFSETS == FAR][0], found.noisy_far),
            above=1,
        ),
        carries.ratio(
            "L10.saddles",
            "Momentum carries through saddles: at the same rate it is out of a pass "
            "with fewer updates than SGD.",
            "updates, momentum / SGD",
            (found.turned["momentum"], found.turned["SGD"]),
            below=1,
        ),
    ]


def sections(
    config: "saddles.Config",
    found: Passes,
    shrinking: "saddles_shrinking.Shrinking",
) -> list[report.Section]:
    """Show the gradient along descents, and the time that escapes take."""
    return [_progress(config, found), _escapes(config, found, shrinking)]


def _progress(config, found):
    return report.Section(
        "Slow near a saddle",
        "The gradient falls on the way to the saddle and is smallest beside it, so "
        "most of the time until a pass is left goes by near the saddle, with hardly "
        "any change of the loss.",
        report.Curves(
            "gradients_on_passes",
            {name: (np.arange(of.size), of) for name, of in found.gradients.items()},
            ("updates", "length of the gradient"),
            log="y",
            caption=f"The gradient along three descents of SGD at rate {config.rate:g} "
            "from a thousandth off the ridge: down to the saddle, past it, and out. Of "
            f"{len(config.draws)} passes a tenth, half and nine tenths are left "
            "sooner.",
        ),
    )


def _escapes(config, found, shrinking):
    near, count = OFFSETS == NEAR, len(config.draws)
    straight = passes.draw(config.draws, offset=1.0, angle=0.0)
    formula = [
        np.median(passes.predicted_updates(straight, config.rate, offset))
        for offset in OFFSETS
    ]
    curves = {n: (OFFSETS, np.median(of, axis=1)) for n, of in found.straight.items()}
    return report.Section(
        "Escape times",
        "While v is small, SGD multiplies it by `1 + rate · m` in every update, m "
        "being the curvature along the way out: the time to escape grows with the "
        "logarithm of how near the start is, and noise stands in for a distance. "
        "Rules that scale every coordinate by itself do not notice the distance where "
        "the way out is along a coordinate: in a straight pass. In a diagonal one "
        "they cannot tell the way out from the way down. A rule has settled when 95 % "
        "of the depth is reached.",
        report.Table(
            ("rule", "straight", "turned at random", "diagonal", "median best rate")
            + ("to settle, at the best rate",),
            [
                (
                    name,
                    found.straight[name][near][0],
                    turned,
                    shrinking.diagonal[name],
                    float(np.median(shrinking.best[name])),
                    shrinking.settled[name],
                )
                for name, turned in found.turned.items()
            ],
            f"Updates to leave a pass, at most {config.steps:,}, from a thousandth off "
            f"the ridge at rate {config.rate:g}; and at the best of {config.rates} "
            "rates to settle in the minimum behind a diagonal one; mean ± standard "
            "deviation over passes.",
        ),
        report.Curves(
            "escapes_by_offset",
            curves | {"SGD, formula": (OFFSETS, np.array(formula))},
            ("distance of the start from the ridge", "updates to leave the pass"),
            log="xy",
            caption="Updates until half the depth is reached, at one rate for all, the "
            f"pass along the coordinates; median of {count} passes, at most "
            f"{config.steps:,}. The formula is log(v / offset) / log(1 + rate · m).",
        ),
        report.Curves(
            "escapes_by_noise",
            {"SGD from the ridge": (NOISES, found.noisy.T)},
            ("standard deviation of the gradient noise", "updates to leave the pass"),
            log="x",
            caption="From exactly on the ridge SGD leaves by noise alone.",
            band=f"Median in a band from the lowest to the highest of {count} passes.",
        ),
    )
