"""Pictures of descents, and a map of which minimum is reached from where."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from experiments import descents
from lec7 import problems, report
from lec7.problems import passes

if TYPE_CHECKING:
    from experiments import saddles

LETTERS = "ABCD"
MAPPED = problems.HIMMELBLAU


class Pictured(NamedTuple):
    """Descents from the start of one problem."""

    rate: float
    """That of the paths at one rate for all."""
    equal: descents.Panel
    """At one rate for all."""
    tuned: descents.Panel
    """Each rule at the rate that ends lowest."""


class Basins(NamedTuple):
    """Where descents on Himmelblau's function end."""

    rates: Mapping[str, float]
    """By rule."""
    reached: Mapping[str, np.ndarray]
    """The place of the minimum, -1 for none, by rule [A, A]."""
    ground: report.Landscape


def descend(config: "saddles.Config") -> dict[str, Pictured]:
    """Return what every rule does on four problems, at one rate and at the best."""
    return {
        problem.name: _picture(config, problem, rate)
        for problem, rate in (
            (passes.as_problem(), config.rate),
            (problems.DOUBLE_WELL, config.well_rate),
            (problems.SADDLE, config.rate),
            (problems.HIMMELBLAU, config.well_rate),
        )
    }


def _picture(config, problem, rate):
    rates = np.append(config.tuned, rate)
    losses = problem.from_starts(np.tile(problem.start, (rates.size, 1)))
    equal, tuned = {}, {}
    for name, make_rule in descents.RULES.items():
        every = problems.descend(make_rule, losses, config.shown, rates=rates)
        last = every.losses[:-1, -1]
        best = np.argmin(np.where(np.isfinite(last), last, np.inf))
        equal[name], tuned[name] = every.select(-1), every.select(best)
    return Pictured(
        rate, descents.panel(problem, equal), descents.panel(problem, tuned)
    )


def explore(config: "saddles.Config") -> Basins:
    """Descend on Himmelblau's function from a grid, each rule at its best rate."""
    steps, side = config.basin_steps, config.resolution
    starts = np.stack(np.meshgrid(*_axes(side), indexing="ij"), axis=-1).reshape(-1, 2)
    some = np.random.default_rng(config.draws).choice(starts, 16, axis=0)
    rates, reached = {}, {}
    for name, make_rule in descents.RULES.items():
        rates[name] = problems.tune(
            make_rule,
            MAPPED.from_starts(some),
            steps,
            rates=config.tuned,
            score=problems.last_loss,
        ).shared
        path = problems.descend(
            make_rule(rates[name]), MAPPED.from_starts(starts), steps
        )
        ends = nearest(path.points[:, -1], MAPPED.minima)
        reached[name] = ends.reshape(side, side)
    return Basins(rates, reached, descents.landscape(MAPPED))


def _axes(side):
    return np.linspace(*MAPPED.x_range, side), np.linspace(*MAPPED.y_range, side)


def nearest(points: np.ndarray, minima: Sequence[problems.Point]) -> np.ndarray:
    """Return which of K minima points [N, 2] are at, -1 where none is within 0.5."""
    distances = np.linalg.norm(points[:, None] - np.asarray(minima), axis=2)
    distances = np.nan_to_num(distances, nan=np.inf)
    return np.where(distances.min(axis=1) < 0.5, distances.argmin(axis=1), -1)


def claims(config: "saddles.Config", found: Basins) -> list[report.Claim]:
    """Decide what the minimum depends on."""
    say = report.Claims(source="introduction to optimisation", figure="basins")
    generator = np.random.default_rng(config.draws)
    flat = {name: reached.ravel() for name, reached in found.reached.items()}
    one, other = generator.integers(flat["SGD"].size, size=(2, config.pairs))
    return [
        say.share(
            "D04",
            "Which minimum is reached depends on the start: two random starts of SGD "
            "mostly end in different minima of Himmelblau's function.",
            "share of pairs",
            flat["SGD"][one] != flat["SGD"][other],
            above=0.5,
        ),
        say.share(
            "D04.rule",
            "Which minimum is reached depends on the rule too: from one start, "
            "momentum and SGD reach different ones in more than a tenth of the cases.",
            "share of starts",
            flat["momentum"][one] != flat["SGD"][one],
            above=0.1,
        ),
    ]


def pictures(
    config: "saddles.Config", drawn: Mapping[str, Pictured]
) -> list[report.Section]:
    """Show descents over a saddle and through a local minimum."""
    planes = {}
    for name, shown in list(drawn.items())[:2]:
        planes[f"{name}, rate {shown.rate:g} for all"] = shown.equal.plane
        planes[f"{name}, rates tuned"] = shown.tuned.plane
    every = {name: shown.equal.plane for name, shown in drawn.items()}
    rates = ", ".join(f"{name} {shown.rate:g}" for name, shown in drawn.items())
    return [
        report.Section(
            "Over a saddle and through a local minimum",
            "The pass is `u² + v⁴ / 4 − v² / 2`, its axes turned by 30 degrees. The "
            "double well has the slope `(x + 2)(x + 1)(x − 2)` along x. The tuned rate "
            f"of a rule is, of {config.rates} between 0.001 and 10, the one that ends "
            "lowest.",
            report.Animation(
                "trajectories",
                report.Trajectories("still", planes, caption=""),
                caption=f"Six rules, {config.shown} updates: from a hundredth off the "
                "ridge over a pass, and from uphill of a local minimum towards the "
                "global one.",
            ),
            descents.relief(
                "well",
                drawn[problems.DOUBLE_WELL.name].equal,
                ("SGD", "momentum"),
                caption="The double well as a relief, with the descents of SGD and of "
                "momentum from one start at one rate, "
                f"{drawn[problems.DOUBLE_WELL.name].rate:g}.",
            ),
        ),
        report.Section(
            "Replay",
            f"Each surface with one rate for all rules: {rates}.",
            report.Replay(
                "replay",
                report.Trajectories("still", every, caption=""),
                caption="What the rules do and remember, step by step, at one rate for "
                "all.",
            ),
        ),
    ]


def section(config: "saddles.Config", found: Basins) -> report.Section:
    """Show which start reaches which minimum."""
    return report.Section(
        "Which start reaches which minimum",
        "Each rule has the rate that ends lowest on average, of "
        f"{config.rates} between 0.001 and 10. The slower a descent, the more nearly "
        "its basins end at the ridges; long steps and velocity fray them.",
        report.Basins(
            "basins",
            _axes(config.resolution),
            {f"{n}, rate {found.rates[n]:.3g}": of for n, of in found.reached.items()},
            dict(zip(LETTERS, MAPPED.minima, strict=True)),
            landscape=found.ground,
            caption="Himmelblau's function: which of its four minima is reached from "
            f"where, after {config.basin_steps} updates. All four are equally low.",
        ),
    )
