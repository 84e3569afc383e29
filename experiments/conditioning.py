"""What does an ill-conditioned loss do to an update rule, and what do the rules do?

A seed draws a taco shell, a quadratic with a condition number and a start of its own,
and six update rules descend it: first at one rate for all, as the lecture's pictures
do, then each at the best of as many rates as the others have, since equal rates are
unfair. Parts look at gradient noise and a wrong gradient, and at how condition grows
with the number of parameters on real data.

Run: python launch.py --experiment=conditioning

Expected: 1 minute on two CPU cores. Median updates to settle: SGD 187, momentum 84,
Nesterov 50, AdaGrad 5, RMSProp 1,642, Adam 78. At one rate, momentum goes past the
minimum by 26 % of the way, Nesterov by 19 %.

Source: lecture, 0:17:00 to 0:43:11 (L01, L02, L08, L09, L11 to L15, L19, L22, L23,
L26, L27, L33)

Data: digits, or any TFDS name
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np

from experiments import conditioning_noise as noise
from experiments import conditioning_parameters as parameters
from experiments import conditioning_speed as speed
from experiments import descents
from lec7 import data, problems, report, runs, update_rules

DECAYS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
EQUAL, TUNED = "one rate for all", "each at its best rate"
FIRST = 10  # updates in which a rule shows where it is heading

Curvature = Annotated[float, runs.at_least(1)]
Paths = Mapping[str, problems.Path]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which shells are descended, and how the rules are tuned."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS
    seeds: runs.Seeds = tuple(range(16))  # shells, at least 2
    low: Curvature = 10.0  # least condition number of a shell
    high: Curvature = 300.0  # greatest condition number of a shell
    condition: Curvature = 100.0  # condition number of the shell in the pictures
    # step size of all rules, in units of 1 / condition number; SGD diverges at 2
    equal_rate: runs.Positive = 1.2
    rates: runs.Several = 49  # step sizes that each rule is tuned over, 0.001 to 10
    steps: Annotated[int, runs.at_least(20)] = 600  # updates of a path
    shown: runs.Count = 120  # updates of the paths in the pictures, at most `steps`
    most_steps: runs.Count = 2_000  # updates that a rule has for its loss to settle
    fraction: runs.Fraction = 1e-4  # of the first loss, below which it has settled
    widths: tuple[int, ...] = (1, 3, 9)  # neurons of the networks, at least 2 sizes
    examples: runs.Count = 256  # of the training set, for the Hessians of the networks
    noise: runs.Positive = 1.0  # standard deviation of a coordinate of a noisy gradient

    def __post_init__(self):
        """Check what the types of the fields do not say.

        Raises:
          ValueError: a value is out of its range.
        """
        super().__post_init__()
        descents.check_shells(self)


SMALL = {
    "seeds": (0, 1, 2),
    "rates": 5,
    "steps": 20,
    "shown": 10,
    "most_steps": 50,
    "widths": (1, 2),
    "examples": 16,
}


class Findings(NamedTuple):
    """What was measured on N shells; paths are by rule, without its state."""

    conditions: np.ndarray
    """[N]."""
    tuned: Mapping[str, problems.Tuned]
    """Rule -> updates to settle at every rate."""
    decays: Mapping[float, np.ndarray]
    """Decay of momentum -> updates to settle at its best rates [N]."""
    harder: np.ndarray
    """Updates of SGD to settle at four times the condition number [N]."""
    equal: Paths
    """At one rate for all rules."""
    best: Paths
    """At every rule's best rates."""
    borrowed: problems.Path
    """Of momentum at SGD's best rates."""
    peaks: np.ndarray
    """The largest velocity of momentum along the valley, at the one rate [N]."""
    noise: noise.Noise
    uneven: parameters.Unevenness
    pictured: Mapping[str, descents.Panel]
    """Kind of rates -> the shell in the pictures."""

    def overshoot(self, paths: Paths) -> dict[str, np.ndarray]:
        """Return by rule how far paths go past the minimum, in % of the way [N]."""
        return {name: 100 * problems.overshoot(path) for name, path in paths.items()}

    @property
    def steps(self) -> dict[str, np.ndarray]:
        """Rule -> updates to settle at its best rates [N]."""
        return {name: tuned.least for name, tuned in self.tuned.items()}


def run(config: Config, context: runs.Context) -> Findings:
    """Descend the shells."""
    with context.phase("data"):
        dataset = data.standardise(data.load(config.dataset))
    with context.phase("many parameters"):
        uneven = parameters.measure(config, dataset)
    shells = _draw(config)
    with context.phase("tuning"):
        tune = functools.partial(
            descents.settle,
            context,
            steps=config.most_steps,
            rates=np.geomspace(1e-3, 10, config.rates),
            fraction=config.fraction,
        )
        tuned, decays = tune(descents.RULES, shells), tune(_by_decay(), shells)
        harder = tune({"SGD": descents.RULES["SGD"]}, _harder(shells))
    with context.phase("paths"):
        conditions = shells.members.condition
        rates = dict.fromkeys(tuned, config.equal_rate / conditions)
        equal = _follow(config, shells, rates)
        best = {name: found.best for name, found in tuned.items()}
        paths = {EQUAL: equal, TUNED: _follow(config, shells, best)}
        borrowed = _follow(config, shells, {"momentum": best["SGD"]})
        noisy = noise.measure(config, shells, equal["SGD"])
    velocity = equal["momentum"].state["velocity"][:-1, :, 0]
    return Findings(
        conditions=conditions[:-1],
        tuned={name: of._replace(scores=of.scores[:-1]) for name, of in tuned.items()},
        decays={float(name): of.least[:-1] for name, of in decays.items()},
        harder=harder["SGD"].least[:-1],
        equal=_drawn(equal),
        best=_drawn(paths[TUNED]),
        borrowed=_drawn(borrowed)["momentum"],
        peaks=np.abs(velocity).max(axis=1),
        noise=noisy,
        uneven=uneven,
        pictured={title: _panel(config, of) for title, of in paths.items()},
    )


def _panel(config, paths):
    """Return the panel of the last shell, that of the pictures."""
    lane = np.s_[-1, : config.shown + 1]
    shown = {name: path.select(lane) for name, path in paths.items()}
    return descents.panel(problems.taco_shell(config.condition), shown)


def _draw(config):
    """Return the shells of the seeds, and last the one in the pictures."""
    drawn = problems.shells.draw(config.seeds, low=config.low, high=config.high)
    (condition, angle), starts = drawn.members, drawn.starts
    return problems.Family(
        drawn.function,
        problems.shells.Shell(
            np.append(condition, config.condition), np.append(angle, 0.0)
        ),
        np.concatenate([starts, [problems.TACO_SHELL.start]]),
    )


def _drawn(paths):
    """Return the paths on the shells of the seeds, without the state of the rules."""
    return {n: p.select(np.s_[:-1])._replace(state={}) for n, p in paths.items()}


def _by_decay():
    """Return momentum with each of `DECAYS`, by its decay."""
    return {
        f"{decay:g}": functools.partial(update_rules.momentum, decay=decay)
        for decay in DECAYS
    }


def _harder(shells):
    condition, angle = shells.members
    return shells._replace(members=problems.shells.Shell(4 * condition, angle))


def _follow(config, shells, rates):
    """Return the paths of the rules at their rates."""
    return {
        name: problems.descend(descents.RULES[name], shells, config.steps, rates=rate)
        for name, rate in rates.items()
    }


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    claims = [
        *speed.claims(found),
        *parameters.claims(found.uneven),
        *noise.claims(found.noise),
        *_way_claims(found),
        *_overshoot_claims(found),
    ]
    # In the lecture's order.
    claims = report.family(sorted(claims, key=lambda claim: claim.id))
    return report.Report(
        title="Ill-conditioned losses",
        question=__doc__.partition("\n")[0],
        summary=_summary(found, claims),
        claims=claims,
        sections=[
            *descents.sections(
                found.pictured,
                heading="The taco shell",
                text=(
                    "The loss is `(x² + k y²) / 2`: the ratio of its curvatures is the "
                    "condition number k. At one rate for all rules the picture is that "
                    "of the lecture, and unfair: a rule that divides by the size of "
                    "the gradient takes steps of about the rate, whatever the scale of "
                    "the loss."
                ),
                shown=(
                    f"Six rules on a shell of condition number {config.condition:g}, "
                    f"{config.shown} updates; the rate for all is "
                    f"{config.equal_rate:g} / k."
                ),
            ),
            speed.section(config, found),
            _ways(found),
            report.Section(
                "The velocity", speed.decays(found), noise.wrong_velocity(found.noise)
            ),
            noise.section(config, found.noise, found.conditions),
            parameters.section(config.dataset, found.uneven),
        ],
    )


def _say(time, figure):
    return report.Claims(source=f"lecture, {time}", figure=figure)


def _summary(found, claims):
    steps = "; ".join(
        f"{name}, {np.median(steps):.0f}" for name, steps in found.steps.items()
    )
    past = {
        name: report.format_number(float(over.mean()))
        for name, over in found.overshoot(found.equal).items()
    }
    return (
        "Median updates until the loss has settled, each rule at its best rate: "
        f"{steps}. At one rate for all, momentum goes past the minimum by "
        f"{past['momentum']} % of the way along the flat direction, Nesterov by "
        f"{past['Nesterov']} % and Adam by {past['Adam']} %. When every rule has its "
        f"own best rate, {report.effects(claims)['L27.unfair']} % of the pairs of "
        "rules change places."
    )


def _way_claims(found):
    equal, best = found.equal, found.best
    along, across = problems.travelled(best["SGD"])
    zigzag = {
        "L11.zigzag": ("at SGD's best rate", found.borrowed),
        "L11.zigzag_tuned": ("each at its own best rate,", best["momentum"]),
    }
    bends = {
        "L23": (
            "0:33:49",
            "AdaGrad speeds up the dimension of small gradients and slows the other: "
            "in ten updates it",
            ("AdaGrad", "SGD"),
        ),
        "L26": (
            "0:37:04",
            "RMSProp bends its path per dimension: in ten updates it",
            ("RMSProp", "momentum"),
        ),
        "L33.adapts": (
            "0:43:11",
            "Adam adapts per dimension: in ten updates it",
            ("Adam", "momentum"),
        ),
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
        *(
            _say(time, "trajectories").ratio(
                id,
                f"{start} goes farther along for its way across than {pair[1]}.",
                "way along / across, " + " / ".join(pair),
                tuple(np.divide(*problems.travelled(equal[n], FIRST)) for n in pair),
                above=1,
            )
            for id, (time, start, pair) in bends.items()
        ),
        _say("0:37:34", "losses_equal").paired(
            "L27",
            "At the same rate AdaGrad is left behind: at the end it has more of the "
            "way along the valley before it than RMSProp.",
            "% of the way left, AdaGrad − RMSProp",
            tuple(100 * problems.left_to_go(equal[n]) for n in ("AdaGrad", "RMSProp")),
            above=0,
        ),
    ]


def _overshoot_claims(found):
    equal, best = found.overshoot(found.equal), found.overshoot(found.best)
    crossed = problems.updates_to_cross(found.equal["momentum"])[:, None]
    x = found.equal["SGD"].points[..., 0]
    left = np.take_along_axis(x, crossed, axis=1)[:, 0]
    less = {
        "L22": ("0:33:04", "Nesterov", False),
        "L22.tuned": ("0:33:04", "Nesterov", True),
        "L26.overshoot": ("0:37:04", "RMSProp", False),
        "L26.tuned": ("0:37:04", "RMSProp", True),
        "L33.less": ("0:43:11", "Adam", False),
        "L33.less_tuned": ("0:43:11", "Adam", True),
    }
    whole = {
        "L19": (
            _say("0:31:29", "overshoot"),
            "Momentum overshoots the minimum and comes back.",
            equal["momentum"],
        ),
        "L33": (
            _say("0:43:11", "overshoot_tuned"),
            "Adam overshoots, at its best rate.",
            best["Adam"],
        ),
    }
    return [
        *(
            say.mean(id, statement, "% of the way", values, above=0)
            for id, (say, statement, values) in whole.items()
        ),
        _say("0:31:29", "trajectories").mean(
            "L19.behind",
            "SGD is far behind: when momentum passes the minimum, SGD at the same rate "
            "has more than half of the way before it.",
            "% of the way left",
            100 * left / x[:, 0],
            above=50,
        ),
        *(
            _say(time, "overshoot_tuned" if tuned else "overshoot").paired(
                id,
                f"{rule} overshoots less than momentum, "
                f"{'each at its best' if tuned else 'at the same'} rate.",
                f"% of the way, {rule} − momentum",
                tuple((best if tuned else equal)[name] for name in (rule, "momentum")),
                below=0,
            )
            for id, (time, rule, tuned) in less.items()
        ),
    ]


def _ways(found):
    several = {
        "SGD": found.best["SGD"],
        "momentum, SGD's rate": found.borrowed,
        "momentum": found.best["momentum"],
        "Nesterov": found.best["Nesterov"],
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
            for name, rates, paths in (
                ("overshoot", EQUAL, found.equal),
                ("overshoot_tuned", TUNED, found.best),
            )
        ),
    )
