"""The ways of the rules: zig-zag across the valley, overshoot along it."""

from typing import TYPE_CHECKING

import numpy as np

from experiments import conditioning_noise as noise
from lec7 import problems, report

if TYPE_CHECKING:
    from experiments.conditioning import Findings

FIRST = 10  # updates in which a rule shows where it is heading
PAST = 1.0  # % of the way past the minimum that is called overshoot
# id -> time, what bends, the rule and its rival
BENDS = {
    "L23": (
        "0:33:49",
        "AdaGrad speeds up the dimension of small gradients and slows the other",
        ("AdaGrad", "SGD"),
    ),
    "L26": (
        "0:37:04",
        "RMSProp bends its path per dimension",
        ("RMSProp", "momentum"),
    ),
    "L33.adapts": ("0:43:11", "Adam adapts per dimension", ("Adam", "momentum")),
}
# id -> time, the rule, whether at its best rate; RMSProp and Adam do not overshoot at
# the rate of all, where the difference would be the overshoot of momentum again
LESS = {
    "L22": ("0:33:04", "Nesterov", False),
    "L22.tuned": ("0:33:04", "Nesterov", True),
    "L26.tuned": ("0:37:04", "RMSProp", True),
    "L33.less_tuned": ("0:43:11", "Adam", True),
}


def claims(found: "Findings") -> list[report.Claim]:
    """Decide who zig-zags, who overshoots, and who turns along the valley."""
    return [*_across(found), *_along(found), *_past(found)]


def _say(time, figure):
    return report.Claims(source=f"lecture, {time}", figure=figure)


def _across(found):
    along, across = problems.travelled(found.best["SGD"])
    zigzag = {
        "L11.zigzag": ("at SGD's best rate", found.borrowed),
        "L11.zigzag_tuned": ("each at its own best rate,", found.best["momentum"]),
    }
    return [
        _say("0:17:00", "travelled").ratio(
            "L01",
            "SGD zig-zags: at its best rate it travels farther across the valley than "
            "along it.",
            "way across / way along",
            (across, along),
            above=1,
        ),
        *(
            _say("0:25:16", "travelled").ratio(
                id,
                f"Momentum cancels the zig-zag: {rates} it travels less across the "
                "valley than SGD.",
                "way across, momentum / SGD",
                (problems.travelled(path)[1], across),
                below=1,
            )
            for id, (rates, path) in zigzag.items()
        ),
    ]


def _along(found):
    def bend(name):
        return np.divide(*problems.travelled(found.equal[name], FIRST))

    left = [problems.left_to_go(found.equal[name]) for name in ("AdaGrad", "RMSProp")]
    return [
        *(
            _say(time, "trajectories").ratio(
                id,
                f"{what}: in ten updates it goes farther along for its way across than "
                f"{pair[1]}.",
                f"way along / across, {' / '.join(pair)}",
                tuple(map(bend, pair)),
                above=1,
            )
            for id, (time, what, pair) in BENDS.items()
        ),
        _say("0:37:34", "losses_equal").paired(
            "L27",
            "At the same rate AdaGrad is left behind: at the end it has more of the "
            "way along the valley before it than RMSProp.",
            "% of the way left, AdaGrad − RMSProp",
            tuple(100 * share for share in left),
            above=0,
        ),
    ]


def _past(found):
    over = {False: found.overshoot(found.equal), True: found.overshoot(found.best)}
    figures = {False: "overshoot", True: "overshoot_tuned"}
    rates = {False: "at the same rate", True: "each at its best rate"}
    crossed = problems.updates_to_cross(found.equal["momentum"])[:, None]
    x = found.equal["SGD"].points[..., 0]
    return [
        _say("0:31:29", figures[False]).mean(
            "L19",
            f"Momentum overshoots the minimum, by more than {PAST:g} % of the way.",
            "% of the way",
            over[False]["momentum"],
            above=PAST,
        ),
        _say("0:31:29", "trajectories").mean(
            "L19.behind",
            "SGD is far behind: when momentum passes the minimum, SGD at the same rate "
            "has more than half of the way before it.",
            "% of the way left",
            100 * np.take_along_axis(x, crossed, axis=1)[:, 0] / x[:, 0],
            above=50,
        ),
        _say("0:43:11", figures[True]).mean(
            "L33",
            f"Adam overshoots, at its best rate, by more than {PAST:g} % of the way.",
            "% of the way",
            over[True]["Adam"],
            above=PAST,
        ),
        *(
            _say(time, figures[tuned]).paired(
                id,
                f"{rule} overshoots less than momentum, {rates[tuned]}.",
                f"% of the way, {rule} − momentum",
                (over[tuned][rule], over[tuned]["momentum"]),
                below=0,
            )
            for id, (time, rule, tuned) in LESS.items()
        ),
    ]


def section(found: "Findings") -> report.Section:
    """Show how far the paths go across the valley, and past the minimum."""
    several = {
        "SGD": found.best["SGD"],
        "momentum": found.best["momentum"],
        "Nesterov": found.best["Nesterov"],
        "momentum, SGD's rate": found.borrowed,
    }
    overshoot = {
        "overshoot": ("one rate for all", found.equal),
        "overshoot_tuned": ("each at its best rate", found.best),
    }
    return report.Section(
        "Zig-zag and overshoot",
        noise.by_condition(
            "travelled",
            found.conditions,
            {n: np.divide(*problems.travelled(p)[::-1]) for n, p in several.items()},
            "way across / way along",
            "Distance travelled back and forth across the valley, over that along it; "
            "each at its best rate, and momentum also at that of SGD.",
        ),
        *(
            noise.by_condition(
                name,
                found.conditions,
                found.overshoot(paths),
                "overshoot (% of the way)",
                "How far a path goes past the minimum along the flat direction; "
                f"{rates}.",
                log="x",
            )
            for name, (rates, paths) in overshoot.items()
        ),
    )
