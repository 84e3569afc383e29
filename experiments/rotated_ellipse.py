"""What can a rule that works coordinate by coordinate not do, and Newton can?

A seed draws an ellipse with a condition number, a start and an angle of its own. Every
rule descends it twice: with its axes along the coordinates, and turned by the angle,
start and all. What a rule does on the one, turned, is what it does on the other, if it
does not care for coordinates. Rates are the same for all, and then each rule's best.

Run: python launch.py --experiment=rotated_ellipse

Expected: 1 minute on two CPU cores. Turning moves SGD, momentum, Nesterov and Newton by
rounding errors alone. Of the others AdaGrad suffers: 5 updates on an aligned ellipse
are 182 on a turned one. Newton needs one on either.

Source: lecture, 0:44:07 (L34)

Data: none
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np
import optax

from experiments import _shells, _surfaces, _trajectories, descents
from lec7 import report, runs, update_rules

LINEAR = ("SGD", "momentum", "Nesterov")
PER_COORDINATE = ("AdaGrad", "RMSProp", "Adam")
ROUNDING = 1e-9  # share of the first distance, below which paths are the same
ALIGNED, TURNED = "aligned", "turned"


def _make_newton(rate: jax.Array) -> optax.GradientTransformation:
    del rate
    return update_rules.newton()


RULES = {**_trajectories.RULES, "Newton": _make_newton}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Which ellipses are descended, and how the rules are tuned."""

    seeds: tuple[int, ...] = tuple(range(16))  # ellipses, at least 2
    low: float = 10.0  # least condition number
    high: float = 300.0  # greatest condition number
    condition: float = 100.0  # condition number of the ellipse in the pictures
    angle: float = 30.0  # by which it is turned there, degrees
    angles: int = 13  # at which rules are tuned on it, from 0 to 90 degrees
    equal_rate: float = 1.2  # step size of all rules, in units of 1 / condition number
    rates: int = 49  # step sizes that each rule is tuned over, from 0.001 to 10
    steps: int = 120  # updates of a path
    most_steps: int = 2_000  # updates that a rule has for its loss to settle
    fraction: float = 1e-4  # of the first loss, below which it has settled

    def __post_init__(self):
        """Check the ranges.

        Raises:
          ValueError: a value is out of its range.
        """
        runs.require_seeds(self.seeds)
        if not 1 <= self.low < self.high or self.condition < 1:
            raise ValueError(
                f"low is {self.low:g}, high {self.high:g} and condition "
                f"{self.condition:g}; expected 1 <= low < high and 1 <= condition"
            )
        if not (0 < self.equal_rate < 2 and 0 < self.fraction < 1):
            raise ValueError(
                f"equal_rate is {self.equal_rate} and fraction {self.fraction}; "
                "expected a rate between 0 and 2, at which SGD diverges, and a "
                "fraction between 0 and 1"
            )
        if not 0 < self.angle < 90:
            raise ValueError(
                f"angle is {self.angle:g}; expected between 0 and 90 degrees"
            )
        for name in ("angles", "rates", "steps", "most_steps"):
            runs.require_at_least(self, 2, name)


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
    aligned = _shells.draw(config.seeds, low=config.low, high=config.high)
    generators = (np.random.default_rng([seed, 1]) for seed in config.seeds)
    angles = np.radians([generator.uniform(10, 80) for generator in generators])
    pair = {ALIGNED: aligned, TURNED: _shells.turn(aligned, angles)}
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
        angles=np.degrees(fan.angles),
        steps_by_angle=_steps(by_angle),
        pictured=pictured,
    )


def _fan(config: Config) -> _shells.Shells:
    """Return the ellipse of the pictures, turned by each angle [A]."""
    degrees = np.union1d(np.linspace(0, 90, config.angles), config.angle)
    many = np.ones(len(degrees))
    starts = many[:, None] * _surfaces.TACO_SHELL.start
    shells = _shells.Shells(config.condition * many, starts, 0 * many)
    return _shells.turn(shells, np.radians(degrees))


def _tune(
    config: Config, context: runs.Context, shells: _shells.Shells
) -> dict[str, _shells.Tuned]:
    """Return the best rates of every rule on every shell, with an equal budget."""
    rates = np.geomspace(1e-3, 10, config.rates)
    tuned = {}
    with context.progress.task("tuning", len(RULES), unit="rule") as task:
        for name, make_rule in RULES.items():
            tuned[name] = _shells.tune(
                make_rule,
                shells,
                rates if name != "Newton" else rates[:1],
                config.most_steps,
                fraction=config.fraction,
            )
            task.update(len(tuned))
    return tuned


def _steps(tuned: Mapping[str, _shells.Tuned]) -> dict[str, np.ndarray]:
    return {name: found.steps for name, found in tuned.items()}


def _deviations(
    config: Config,
    pair: Mapping[str, _shells.Shells],
    angles: np.ndarray,
    tuned: Mapping[str, _shells.Tuned],
) -> dict[str, dict[str, np.ndarray]]:
    """Return how far turned paths are from the others, turned: rates -> rule -> [N]."""
    equal = config.equal_rate / pair[ALIGNED].conditions

    def deviation(name, rates):
        aligned, turned = (
            _shells.follow(RULES[name], shells, rates, config.steps).points
            for shells in pair.values()
        )
        apart = np.linalg.norm(turned - _shells.rotate(aligned, angles), axis=2)
        return apart.max(axis=1) / np.linalg.norm(aligned[:, 0], axis=1)

    return {
        "equal rates": {name: deviation(name, equal) for name in RULES},
        "best rates": {name: deviation(name, tuned[name].rates) for name in RULES},
    }


def _pictured(
    config: Config, fan: _shells.Shells, tuned: Mapping[str, _shells.Tuned]
) -> dict[str, descents.Panel]:
    """Return the panels: the ellipse as it is, and turned, at both kinds of rates."""
    equal = np.full(len(fan.angles), config.equal_rate / config.condition)
    degrees = np.degrees(fan.angles).round(6)
    panels = {}
    for title, rate in (
        ("one rate", lambda name: equal),
        ("best rates", lambda name: tuned[name].rates),
    ):
        followed = {
            name: _shells.follow(make_rule, fan, rate(name), config.steps)
            for name, make_rule in RULES.items()
        }
        for angle in (0, config.angle):
            place = int(np.flatnonzero(degrees == angle)[0])
            panels[f"{title}, {angle:g}°"] = descents.panel(
                _surfaces.rotated_quadratic(config.condition, fan.angles[place]),
                {name: _shells.member(path, place) for name, path in followed.items()},
            )
    return panels


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    updates = "; ".join(
        f"{name}, {np.median(found.steps[ALIGNED][name]):.0f} and "
        f"{np.median(found.steps[TURNED][name]):.0f}"
        for name in RULES
    )
    return report.Report(
        title="Rotated ellipses",
        question=__doc__.partition("\n")[0],
        summary=(
            "Median updates until the loss has settled, each rule at its best rate, on "
            f"aligned and on turned ellipses: {updates}."
        ),
        claims=[*_cost_claims(found.steps), *_path_claims(found.deviations)],
        sections=[
            *descents.sections(
                found.pictured,
                heading="An ellipse, aligned and turned",
                text=(
                    "A rule that divides each coordinate by the size of its own "
                    "gradient rescales the axes, which rounds an ellipse that lies "
                    "along them. Across them, both coordinates look alike, and there "
                    "is nothing to rescale."
                ),
                shown=(
                    f"Condition number {config.condition:g}, {config.steps} updates; "
                    f"the one rate is {config.equal_rate:g} / k."
                ),
            ),
            _costs(config, found),
            _turning(found.deviations),
        ],
    )


def _cost_claims(steps):
    say = report.Claims(source="lecture, 0:44:07", figure="angles")
    aligned, turned = steps[ALIGNED], steps[TURNED]
    mean_of_all = [
        np.exp(np.mean([np.log(of[name]) for name in PER_COORDINATE], axis=0))
        for of in (turned, aligned)
    ]
    costs = {"": ("on average they need", mean_of_all)} | {
        f".{name.lower()}": (f"{name} needs", (turned[name], aligned[name]))
        for name in PER_COORDINATE
    }
    return [
        say.ratio(
            f"L34{suffix}",
            f"A rotated ellipse defeats per-coordinate rules: {subject} more updates "
            "on it than on an aligned one, the rate tuned to both.",
            "updates, turned / aligned",
            pair,
            above=1,
        )
        for suffix, (subject, pair) in costs.items()
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
    kept = {"below": 100 * ROUNDING}
    statements = {
        "changed": (
            PER_COORDINATE,
            "moves per-coordinate rules off their paths",
            {"above": 1},
        ),
        "kept": (
            LINEAR,
            "leaves the paths of SGD, momentum and Nesterov as they are",
            kept,
        ),
        "newton": (("Newton",), "leaves the path of Newton as it is", kept),
    }
    return [
        say.mean(
            f"L34.{id}_{rates.split()[0]}",
            f"Turning the ellipse {statement}, at {rates}.",
            "% of the distance at the start",
            np.mean([100 * rules[name] for name in names], axis=0),
            **ends,
        )
        for rates, rules in deviations.items()
        for id, (names, statement, ends) in statements.items()
        if (id, rates) != ("newton", "best rates")
    ]


def _costs(config, found):
    return report.Section(
        "What turning costs",
        "Every rule at the best of as many rates as the others have.",
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
            caption=(
                f"Updates until the loss stays below {config.fraction:g} of the first, "
                f"at the best of {config.rates} rates for each angle; condition number "
                f"{config.condition:g}. At most {config.most_steps:,}."
            ),
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
            caption=(
                "How far the path on the turned ellipse is, at most, from the path on "
                "the aligned one, turned; at the best rates for the aligned one. "
                "Double precision rounds at 10⁻¹⁶."
            ),
        ),
    )
