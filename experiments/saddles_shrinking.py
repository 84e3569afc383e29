"""Steps that shrink: AdaGrad and RMSProp at a saddle.

A pass is diagonal where its axes are half a right angle off the coordinates: a rule
that scales every coordinate by itself then cannot tell the way down to the saddle from
the way out.
"""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from experiments import descents
from experiments import saddles_passes as crossed
from lec7 import problems, report, update_rules
from lec7.problems import passes

if TYPE_CHECKING:
    from experiments import saddles

SOME = ("SGD", "AdaGrad", "RMSProp")
DECAYS = (0.5, 0.7, 0.9)  # of the momentum, where it is tuned


class Shrinking(NamedTuple):
    """Descents from a thousandth off the ridge of N passes, by rule."""

    diagonal: Mapping[str, np.ndarray]
    """Updates out of diagonal passes [N]."""
    best: Mapping[str, np.ndarray]
    """The best rates for these [N]."""
    settled: Mapping[str, np.ndarray]
    """Updates to the minimum behind them, at the best rate [N]."""
    both_tuned: np.ndarray
    """Those of momentum at the best rate and coefficient [N]."""
    near_diagonal: Mapping[str, np.ndarray]
    """Updates near the saddle of diagonal passes, of some rules [N]."""
    near_turned: Mapping[str, np.ndarray]
    """Updates near the saddle of passes turned at random, of the same rules [N]."""
    lengths: Mapping[str, np.ndarray]
    """Of their updates on one diagonal pass, until it is left."""
    bowls: Mapping[str, np.ndarray]
    """Last losses on convex bowls in place of the passes, of two of them [N]."""


def cross(config: "saddles.Config") -> Shrinking:
    """Descend over the passes."""
    near = crossed.NEAR
    turned = passes.draw(config.draws, offset=near)
    diagonal = passes.draw(config.draws, offset=near, angle=np.pi / 4)
    counts = {name: crossed.updates(config, name, diagonal) for name in descents.RULES}
    level = 0.95 * 2 * passes.half_way_down(diagonal)[:, None]
    made = {
        decay: functools.partial(update_rules.momentum, decay=decay) for decay in DECAYS
    }
    tuned = {
        name: problems.tune(
            make_rule,
            diagonal,
            config.steps // 5,
            rates=config.tuned,
            score=lambda values: problems.updates_below(values, level),
        )
        for name, make_rule in (descents.RULES | made).items()
    }
    place = crossed.typical(counts["AdaGrad"], 40)
    near_diagonal, near_turned, lengths = {}, {}, {}
    for name in SOME:
        path = crossed.follow(config, name, diagonal)
        near_diagonal[name] = updates_near(path.points, counts[name])
        some = path.points[place, : int(counts[name][place]) + 1]
        lengths[name] = np.linalg.norm(np.diff(some, axis=0), axis=1)
        path = crossed.follow(config, name, turned)
        near_turned[name] = updates_near(
            path.points, crossed.updates(config, name, turned)
        )
    bowls = diagonal._replace(function=passes.bowl)
    return Shrinking(
        diagonal=counts,
        best={name: tuned[name].best for name in descents.RULES},
        settled={name: tuned[name].least for name in descents.RULES},
        both_tuned=np.min([tuned[decay].least for decay in DECAYS], axis=0),
        near_diagonal=near_diagonal,
        near_turned=near_turned,
        lengths=lengths,
        bowls={n: crossed.follow(config, n, bowls).losses[:, -1] for n in SOME[1:]},
    )


def updates_near(points: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Count the updates less than 0.1 from the saddle before a pass is left [N]."""
    near = np.linalg.norm(points, axis=2) < 0.1
    before = np.arange(points.shape[1]) < counts[:, None]
    return np.sum(near & before, axis=1).astype(float)


def claims(config: "saddles.Config", found: Shrinking) -> list[report.Claim]:
    """Decide what the rules do that scale every coordinate by itself."""
    carries = report.Claims(source="lecture, 0:24:34", figure="escapes_by_offset")
    stops = report.Claims(source="lecture, 0:35:01", figure="steps_on_passes")
    forgets = report.Claims(source="lecture, 0:35:42", figure="steps_on_passes")
    slow, quick = (found.diagonal[name] for name in ("AdaGrad", "RMSProp"))
    return [
        carries.ratio(
            "L10.saddles_tuned",
            "With the rate of each tuned to the pass, momentum of 0.9 is first as low "
            "as the minimum behind it after fewer updates than SGD.",
            "updates, momentum / SGD",
            (found.settled["momentum"], found.settled["SGD"]),
            below=1,
        ),
        carries.ratio(
            "L10.saddles_both_tuned",
            "With its coefficient tuned to the pass as well, momentum is first as low "
            "as the minimum behind it after fewer updates than SGD.",
            "updates, momentum / SGD",
            (found.both_tuned, found.settled["SGD"]),
            below=1,
        ),
        stops.share(
            "L24",
            "AdaGrad may stop at a saddle: more than a tenth of its descents over "
            f"diagonal passes are not out after {config.steps:,} updates.",
            "share of descents",
            slow >= config.steps,
            above=0.1,
        ),
        stops.ratio(
            "L24.tuned",
            "With the rate of each tuned to the pass, too, AdaGrad needs more updates "
            "than RMSProp to the minimum behind it.",
            "updates, AdaGrad / RMSProp",
            (found.settled["AdaGrad"], found.settled["RMSProp"]),
            above=1,
        ),
        stops.paired(
            "L24.turned",
            "In passes turned at random, too, AdaGrad spends more updates within a "
            "tenth of the saddle than RMSProp.",
            "updates, AdaGrad − RMSProp",
            (found.near_turned["AdaGrad"], found.near_turned["RMSProp"]),
            above=0,
        ),
        stops.ratio(
            "L24.convex",
            "That AdaGrad's steps shrink is good when the loss is convex: in a bowl it "
            "ends lower than RMSProp.",
            "last loss, AdaGrad / RMSProp",
            (found.bowls["AdaGrad"], found.bowls["RMSProp"]),
            below=1,
        ),
        forgets.share(
            "L25",
            "RMSProp forgets, so it does not stop at a saddle: its descents get out of "
            "diagonal passes.",
            "share of descents",
            quick < config.steps,
            above=0.95,
        ),
    ]


def section(config: "saddles.Config", found: Shrinking) -> report.Section:
    """Show how long the updates are, and how many are near the saddle."""
    stay = int(np.sum(found.diagonal["AdaGrad"] >= config.steps))
    return report.Section(
        "Steps that shrink, and steps that do not",
        "AdaGrad divides by the root of the sum G of all squared gradients, which the "
        "way down to the saddle has made large; RMSProp divides by a mean that "
        "forgets. Beside the saddle the gradients add next to nothing to the sum, so "
        "in a diagonal pass AdaGrad creeps away by the factor `1 + rate · m / √G` in "
        "every update: it is held up for long rather than stopped for good. After "
        f"{config.steps:,} updates {stay} of {len(config.draws)} descents have not "
        "left the pass. Where a pass is turned otherwise AdaGrad seldom comes near "
        "the saddle at all, since its scaling bends the path towards the way out. In "
        "a convex bowl the same shrinking lets AdaGrad come to rest, where RMSProp "
        "goes to and fro.",
        report.Table(
            ("rule", "turned at random", "diagonal"),
            [(n, found.near_turned[n], of) for n, of in found.near_diagonal.items()],
            "Updates within a tenth of the saddle, before the pass is left; mean ± "
            "standard deviation over passes.",
        ),
        report.Curves(
            "steps_on_passes",
            {n: (np.arange(1, of.size + 1), of) for n, of in found.lengths.items()},
            ("updates", "length of an update"),
            log="xy",
            order=tuple(descents.RULES),
            caption=f"Length of the updates at rate {config.rate:g} on one diagonal "
            "pass, such that AdaGrad leaves four in ten sooner. A line ends where the "
            "pass is left.",
        ),
    )
