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

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np

from experiments import conditioning_noise as noise
from experiments import conditioning_parameters as parameters
from experiments import conditioning_speed as speed
from experiments import conditioning_ways as ways
from experiments import descents, training
from lec7 import data, problems, report, runs, update_rules

DECAYS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
EQUAL, TUNED = "one rate for all", "each at its best rate"

Curvature = Annotated[float, runs.at_least(1)]
Paths = Mapping[str, problems.Path]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which shells are descended, and how the rules are tuned."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
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

    def _check(self):
        descents.check_shells(self.low, self.high, self.equal_rate)


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
        training.require_dense(config.widths, dataset)
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
        *speed.claims(config, found),
        *parameters.claims(found.uneven),
        *noise.claims(found.noise),
        *ways.claims(found),
    ]
    # In the lecture's order.
    claims = report.family(sorted(claims, key=lambda claim: claim.id))
    return report.Report(
        title="Ill-conditioned losses",
        summary=_summary(found, claims),
        claims=claims,
        deciding="settling",
        sections=[
            descents.section(
                found.pictured,
                heading="The taco shell",
                text="The loss is `(x² + k y²) / 2`: the ratio of its curvatures is "
                "the condition number k. At one rate for all rules the picture is "
                "that of the lecture, and unfair: a rule that divides by the size of "
                "the gradient takes steps of about the rate, whatever the scale of "
                "the loss.",
                shown=f"Six rules on a shell of condition number {config.condition:g}, "
                f"{config.shown} updates; the rate for all is "
                f"{config.equal_rate:g} / k.",
            ),
            descents.playground(
                report.Trajectories(
                    "still", {TUNED: found.pictured[TUNED].plane}, caption=""
                )
            ),
            speed.section(config, found),
            ways.section(found),
            report.Section(
                "The velocity", speed.decays(found), noise.wrong_velocity(found.noise)
            ),
            noise.section(config, found.noise, found.conditions),
            parameters.section(config.dataset, found.uneven),
        ],
    )


def _summary(found, claims):
    told = functools.partial(report.by_verdict, claims)
    settled = [f"{name} {np.median(of):,.0f}" for name, of in found.steps.items()]
    past = [
        f"{name} {report.format_number(float(over.mean()))} %"
        for name, over in found.overshoot(found.equal).items()
        if name in ("momentum", "Nesterov", "Adam")
    ]
    slow = "slows SGD down", "hardly slows SGD", "may slow SGD down"
    quick = "quicker", "slower", "not clearly quicker"
    effects = report.effects(claims)
    return (
        f"An ill-conditioned loss {told('L01.creeps', *slow)}: with a condition number "
        f"four times as high it needs {effects['L01.creeps']} times the updates; "
        f"momentum is {told('L11', *quick)} along the flat direction."
        "\n\nWith the rate tuned to each shell and start, which nobody can do for "
        "a network, the median number of updates until the loss has settled is: "
        f"{report.listing(settled)}."
        "\n\nAt one rate for all, some rules go past the minimum along the flat "
        f"direction, in per cent of the way: {report.listing(past)}. When every rule "
        f"has its own best rate, {effects['L27.unfair']} % of the pairs "
        "of rules change places."
    )
