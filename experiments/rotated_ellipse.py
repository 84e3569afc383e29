"""What can a rule that works coordinate by coordinate not do, and Newton can?

A seed draws an ellipse with a condition number, a start and an angle of its own. Every
rule descends it twice: with its axes along the coordinates, and turned by the angle,
start and all. What a rule does on the one, turned, is what it does on the other, if it
does not care for coordinates. Rates are the same for all, and then each rule's best.

Run: python launch.py --experiment=rotated_ellipse

Expected: 1 minute on two CPU cores; of 6 empirical claims 4 are supported, 1
contradicted and 1 inconclusive. Turning moves SGD, momentum, Nesterov and Newton by
rounding errors alone. Of the others AdaGrad suffers: 5 updates on an aligned ellipse
are 182 on a turned one; RMSProp needs fewer. Newton needs one on either.

Source: lecture, 0:44:07 (L34)

Data: none
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import jax
import numpy as np
import optax

from experiments import descents
from lec7 import problems, report, runs, update_rules

LINEAR = ("SGD", "momentum", "Nesterov")
PER_COORDINATE = ("AdaGrad", "RMSProp", "Adam")
ROUNDING = 1e-9  # share of the first distance, below which paths are the same
ALIGNED, TURNED = "aligned", "turned"


def _make_newton(rate: jax.Array) -> optax.GradientTransformation:
    del rate
    return update_rules.newton()


RULES = {**descents.RULES, "Newton": _make_newton}


Curvature = Annotated[float, runs.at_least(1)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which ellipses are descended, and how the rules are tuned."""

    seeds: runs.Seeds = tuple(range(16))  # ellipses, at least 2
    low: Curvature = 10.0  # least condition number
    high: Curvature = 300.0  # greatest condition number
    condition: Curvature = 100.0  # condition number of the ellipse in the pictures
    angle: runs.Positive = 30.0  # by which it is turned there, degrees below 90
    angles: runs.Several = 13  # at which rules are tuned on it, from 0 to 90 degrees
    # step size of all rules, in units of 1 / condition number; SGD diverges at 2
    equal_rate: runs.Positive = 1.2
    rates: runs.Several = 49  # step sizes that each rule is tuned over, 0.001 to 10
    steps: runs.Several = 120  # updates of a path
    most_steps: runs.Several = 2_000  # updates that a rule has for its loss to settle
    fraction: runs.Fraction = 1e-4  # of the first loss, below which it has settled

    def _check(self):
        descents.check_shells(self.low, self.high, self.equal_rate)
        if not self.angle < 90:
            raise ValueError(
                f"angle is {self.angle:g}; expected between 0 and 90 degrees"
            )


SMALL = {"seeds": (0, 1, 2), "angles": 2, "rates": 5, "steps": 10, "most_steps": 50}


class Findings(NamedTuple):
    """All that was measured; N ellipses, one a seed."""

    steps: Mapping[str, Mapping[str, np.ndarray]]
    """Aligned or turned -> rule -> updates to settle [N]."""
    deviations: Mapping[str, Mapping[str, np.ndarray]]
    """Which rates -> rule -> share of the first distance [N]."""
    angles: np.ndarray
    """By which one ellipse is turned, degrees [A]."""
    steps_by_angle: Mapping[str, np.ndarray]
    """Rule -> updates to settle [A]."""
    pictured: Mapping[str, descents.Panel]
    """The ellipse as it is, and turned, at both kinds of rates."""


def run(config: Config, context: runs.Context) -> Findings:
    """Descend the ellipses, aligned and turned."""
    aligned = problems.shells.draw(config.seeds, low=config.low, high=config.high)
    generators = (np.random.default_rng([seed, 1]) for seed in config.seeds)
    angles = np.radians([generator.uniform(10, 80) for generator in generators])
    pair = {ALIGNED: aligned, TURNED: problems.shells.turn(aligned, angles)}
    fan = _fan(config)
    with context.phase("tuning"):
        tuned = {name: _tune(config, context, shells) for name, shells in pair.items()}
        by_angle = _tune(config, context, fan)
    with context.phase("paths"):
        deviations = _deviations(config, pair, angles, tuned[ALIGNED])
        pictured = _pictured(config, fan, by_angle)
    return Findings(
        steps={name: _steps(found) for name, found in tuned.items()},
        deviations=deviations,
        angles=np.degrees(fan.members.angle),
        steps_by_angle=_steps(by_angle),
        pictured=pictured,
    )


def _fan(config):
    """Return the ellipse of the pictures, turned by each angle [A]."""
    degrees = np.union1d(np.linspace(0, 90, config.angles), config.angle)
    many = np.ones(len(degrees))
    ellipses = problems.Family(
        problems.shells.height,
        problems.shells.Shell(config.condition * many, 0 * many),
        many[:, None] * problems.TACO_SHELL.start,
    )
    return problems.shells.turn(ellipses, np.radians(degrees))


def _tune(config, context, shells):
    """Return the best rates of every rule on every shell, with an equal budget."""
    rates = np.geomspace(1e-3, 10, config.rates)
    given = {"steps": config.most_steps, "fraction": config.fraction}
    tuned = descents.settle(context, descents.RULES, shells, rates=rates, **given)
    newton = {"Newton": _make_newton}
    return tuned | descents.settle(context, newton, shells, rates=rates[:1], **given)


def _steps(tuned):
    return {name: found.least for name, found in tuned.items()}


def _deviations(config, pair, angles, tuned):
    """Return how far turned paths are from the others, turned: rates -> rule -> [N]."""
    equal = config.equal_rate / pair[ALIGNED].members.condition

    def deviation(name, rates):
        aligned, turned = (
            problems.descend(RULES[name], shells, config.steps, rates=rates).points
            for shells in pair.values()
        )
        expected = problems.shells.rotate(aligned, angles)
        apart = np.linalg.norm(turned - expected, axis=2)
        return apart.max(axis=1) / np.linalg.norm(aligned[:, 0], axis=1)

    return {
        "equal rates": {name: deviation(name, equal) for name in RULES},
        "best rates": {name: deviation(name, tuned[name].best) for name in RULES},
    }


def _pictured(config, fan, tuned):
    """Return the panels: the ellipse as it is, and turned, at both kinds of rates."""
    angles = fan.members.angle
    degrees = np.degrees(angles).round(6)
    panels = {}
    for title, rate in (
        ("one rate", lambda name: config.equal_rate / config.condition),
        ("best rates", lambda name: tuned[name].best),
    ):
        followed = {
            name: problems.descend(make_rule, fan, config.steps, rates=rate(name))
            for name, make_rule in RULES.items()
        }
        for angle in (0, config.angle):
            place = int(np.flatnonzero(degrees == angle)[0])
            panels[f"{title}, {angle:g}°"] = descents.panel(
                problems.rotated_ellipse(config.condition, angles[place]),
                {name: path.select(place) for name, path in followed.items()},
            )
    return panels


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    claims = report.family(
        [*_cost_claims(found.steps), *_path_claims(found.deviations)]
    )
    return report.Report(
        title="Rotated ellipses",
        summary=_summary(found.steps, claims),
        claims=claims,
        sections=[
            descents.section(
                found.pictured,
                heading="An ellipse, aligned and turned",
                text="A rule that divides each coordinate by the size of its own "
                "gradient rescales the axes, which rounds an ellipse that lies "
                "along them. Across them, both coordinates look alike, and there "
                "is nothing to rescale.",
                shown=f"Condition number {config.condition:g}, {config.steps} updates; "
                f"the one rate is {config.equal_rate:g} / k.",
            ),
            _costs(config, found),
            _turning(found.deviations),
        ],
    )


def _summary(steps, claims):
    """Return what turning costs the rules that work by coordinates."""
    costs = [
        f"from {aligned:,.0f} to {turned:,.0f} with {name}"
        for name in PER_COORDINATE
        for aligned, turned in [
            [np.median(steps[at][name]) for at in (ALIGNED, TURNED)]
        ]
    ]
    return (
        "Compared with an aligned ellipse, a turned one takes "
        + report.group_by_verdict(
            claims,
            {f"L34.{name.lower()}": name for name in PER_COORDINATE},
            "more updates with {}",
            "fewer updates with {}",
            "not clearly more updates with {}",
        )
        + "; Newton's method, which turns with the axes, needs "
        f"{np.median(steps[TURNED]['Newton']):.0f}."
        "\n\nWith the best rate for each, turning the ellipse changes the median "
        f"number of updates until the loss has settled {report.listing(costs)}."
    )


def _cost_claims(steps):
    say = report.Claims(source="lecture, 0:44:07", figure="angles")
    aligned, turned = steps[ALIGNED], steps[TURNED]
    return [
        say.ratio(
            f"L34.{name.lower()}",
            f"A rotated ellipse defeats per-coordinate rules: {name} needs more "
            "updates on it than on an aligned one, the rate tuned to both.",
            "updates, turned / aligned",
            (turned[name], aligned[name]),
            above=1,
        )
        for name in PER_COORDINATE
    ] + [
        say.ratio(
            "L34.no_better",
            "On a turned ellipse Adam needs more updates than momentum.",
            "updates, Adam / momentum",
            (turned["Adam"], turned["momentum"]),
            above=1,
        )
    ]


def _path_claims(deviations):
    say = report.Claims(source="lecture, 0:44:07", figure="turning")
    # Their updates are built of gradients and Hessians, which turn with the axes.
    exact = dataclasses.replace(say, kind="identity")
    kept = {"below": 100 * ROUNDING}
    statements = {
        "changed": (
            say,
            PER_COORDINATE,
            "moves per-coordinate rules off their paths",
            {"above": 1},
        ),
        "kept": (
            exact,
            LINEAR,
            "leaves the paths of SGD, momentum and Nesterov as they are",
            kept,
        ),
        "newton": (exact, ("Newton",), "leaves the path of Newton as it is", kept),
    }
    return [
        words.mean(
            f"L34.{id}_{rates.split()[0]}",
            f"Turning the ellipse {statement}, at {rates}.",
            "% of the distance at the start",
            np.mean([100 * rules[name] for name in names], axis=0),
            **ends,
        )
        for rates, rules in deviations.items()
        for id, (words, names, statement, ends) in statements.items()
        if (id, rates) != ("newton", "best rates")
    ]


def _costs(config, found):
    return report.Section(
        "What turning costs",
        "Every rule at the best of as many rates as the others have, for each ellipse "
        "and its start anew. So on an aligned ellipse AdaGrad's rate fits the way that "
        "is left, which takes a handful of updates: its ratio says how much is lost of "
        "that fit too.",
        report.Table(
            ("updates to settle", ALIGNED, TURNED),
            [
                (name, found.steps[ALIGNED][name], found.steps[TURNED][name])
                for name in RULES
            ],
            f"Mean ± standard deviation over {len(config.seeds)} ellipses.",
        ),
        report.Curves(
            "angles",
            {
                name: (found.angles, steps)
                for name, steps in found.steps_by_angle.items()
            },
            ("angle of the flat direction (degrees)", "updates to settle"),
            log="y",
            caption="A flat line belongs to a rule that does not see the angle. "
            f"Updates until the loss stays below {config.fraction:g} of the first, "
            f"at the best of {config.rates} rates for each angle; condition number "
            f"{config.condition:g}. At most {config.most_steps:,}.",
        ),
    )


def _turning(deviations):
    equal, best = deviations["equal rates"], deviations["best rates"]
    places = 1 + np.arange(len(best["SGD"]))
    return report.Section(
        "The same path, turned",
        report.Table(
            ("deviation / first distance", *deviations),
            [
                (name, float(np.median(equal[name])), float(np.median(best[name])))
                for name in RULES
            ],
            "Median over ellipses.",
        ),
        report.Curves(
            "turning",
            {
                name: (places, np.maximum(np.sort(row), 1e-17))
                for name, row in best.items()
            },
            ("ellipses, from the least deviation", "deviation / first distance"),
            log="y",
            caption="How far the path on the turned ellipse is, at most, from the "
            "path on the aligned one, turned; at the best rates for the aligned one. "
            "Double precision rounds at 10⁻¹⁶.",
        ),
    )
