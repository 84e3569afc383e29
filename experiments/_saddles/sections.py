"""Sections of a report that show saddle points and local minima."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import _counts, _curves, descents
from experiments._saddles import (
    basin_map,
    measured,
    mountain_passes,
    pass_sections,
    random_waves,
)
from lec7 import problems, report


def sections(
    config: Any, folder: pathlib.Path, study: measured.Study
) -> list[report.Section]:
    """Show what was measured.

    Args:
      config: the experiment's.
      folder: the run's folder.
      study: what was measured.

    Returns:
      The sections.
    """
    return [
        *_pictures(config, folder),
        *pass_sections.sections(config, folder, study.passes),
        _wells(config, folder, study.wells),
        _critical(config, folder, study.critical),
        basin_map.section(config, folder, study.basins),
    ]


class _Pictured(NamedTuple):
    """Descents from the start of one surface."""

    surface: problems.Problem
    rate: float
    """That of the paths at one rate for all."""
    equal: Mapping[str, problems.Path]
    """By rule, at one rate for all."""
    tuned: Mapping[str, problems.Path]
    """By rule, at the rate that ends lowest."""

    def panel(self, paths: Mapping[str, problems.Path]) -> report.Trajectories:
        """Return paths over the surface."""
        return report.Plane(
            landscape=descents.landscape(self.surface),
            paths=paths,
            minima=self.surface.minima,
        )


def _descend(config: Any, surface: problems.Problem, rate: float) -> _Pictured:
    """Return what every rule does on a surface, at one rate and at the best."""
    rates = np.append(np.geomspace(*basin_map.RATES, config.rates), rate)
    family = surface.from_starts(np.tile(surface.start, (rates.size, 1)))
    equal, tuned = {}, {}
    for name, make_rule in descents.RULES.items():
        every = problems.descend(make_rule, family, config.shown, rates=rates)
        last = every.losses[:-1, -1]
        best = np.argmin(np.where(np.isfinite(last), last, np.inf))
        equal[name], tuned[name] = (
            jax.tree.map(lambda leaf, place=place: leaf[place], every)
            for place in (-1, best)
        )
    return _Pictured(surface, rate, equal, tuned)


def _pictures(config: Any, folder: pathlib.Path) -> list[report.Section]:
    drawn = [
        _descend(config, mountain_passes.surface(), config.rate),
        _descend(config, problems.DOUBLE_WELL, config.well_rate),
    ]
    panels = {}
    for shown in drawn:
        name = shown.surface.name
        panels[f"{name}, rate {shown.rate:g} for all"] = shown.panel(shown.equal)
        panels[f"{name}, rates tuned"] = shown.panel(shown.tuned)
    moving = report.save_animation(
        panels,
        folder,
        "trajectories",
        caption=(
            f"Six rules, {config.shown} updates: from a hundredth off the ridge over "
            "a pass, and from uphill of a local minimum towards the global one."
        ),
    )
    more = [
        _descend(config, problems.SADDLE, config.rate),
        _descend(config, problems.HIMMELBLAU, config.well_rate),
    ]
    replay = report.save_replay(
        {shown.surface.name: shown.panel(shown.equal) for shown in drawn + more},
        folder,
        "replay",
        caption="What the rules do and remember, step by step, at one rate for all.",
    )
    rates = ", ".join(f"{shown.surface.name} {shown.rate:g}" for shown in drawn + more)
    return [
        report.Section(
            heading="Over a saddle and through a local minimum",
            text=(
                "The pass is `u² + v⁴ / 4 − v² / 2`, its axes turned by 30 degrees. "
                "The double well has the slope `(x + 2)(x + 1)(x − 2)` along x. The "
                f"tuned rate of a rule is, of {config.rates} between 0.001 and 10, the "
                "one that ends lowest."
            ),
            figures=[moving],
        ),
        report.Section(
            heading="Replay",
            text=f"Each surface with one rate for all rules: {rates}.",
            replay=replay,
        ),
    ]


def _wells(config: Any, folder: pathlib.Path, wells: measured.Wells) -> report.Section:
    by_rate = _curves.save(
        folder,
        "wells",
        {name: (wells.rates, 100 * p.mean(axis=1)) for name, p in wells.passed.items()},
        x_label="rate",
        y_label="descents that end lower (%)",
        log_x=True,
        caption=(
            "Descents from uphill of a local minimum that end beyond the bump and "
            f"lower: of {len(config.draws)} double wells, {config.well_steps:,} "
            "updates. A descent that diverges does not."
        ),
    )
    by_noise = _curves.save(
        folder,
        "shaken_out",
        {"SGD": (measured.WELL_NOISES, 100 * _counts.shares(wells.shaken))},
        x_label="standard deviation of the gradient noise",
        y_label="descents that end lower (%)",
        log_x=True,
        caption=(
            f"SGD at rate {2 * config.well_rate:g} from the local minimum of each of "
            f"{len(config.draws)} double wells: share that ends beyond the bump and "
            "lower, in its 95 % interval. Too much noise shakes it out of every "
            "minimum."
        ),
    )
    return report.Section(
        heading="Out of a local minimum",
        text=(
            "A rule without velocity passes a bump by steps so long that they leap "
            "over it; a velocity carries it over. Momentum pays with a number of "
            "memory for each parameter."
        ),
        table=_well_table(config, wells),
        figures=[by_rate, by_noise],
    )


def _well_table(config: Any, wells: measured.Wells) -> report.Table:
    """Return how many descents end lower, and what the rules remember."""
    shares = {name: passed.mean(axis=1) for name, passed in wells.passed.items()}
    best = {name: share.max() for name, share in shares.items()}
    rows = [
        (
            name,
            f"{100 * wells.equal_passed[name].mean():.0f}",
            f"{100 * best[name]:.0f}",
            float(wells.rates[shares[name].argmax()]) if best[name] else None,
            measured.remembered(name),
        )
        for name in wells.passed
    ]
    header = (
        "rule",
        f"at rate {config.well_rate:g} (%)",
        "at the best rate (%)",
        "best rate",
        "memory",
    )
    return report.Table(
        header,
        rows,
        "Descents that end lower than the local minimum, the best rate being one "
        "for all wells; and the numbers that a rule remembers of each parameter.",
    )


def _critical(
    config: Any, folder: pathlib.Path, critical: measured.Critical
) -> report.Section:
    sizes = np.array(sorted(config.dimensions))
    kinds: Mapping[str, Mapping[int, list[np.ndarray]]] = {
        "critical points of random functions": critical.waves,
        "random symmetric matrices": critical.gaussian,
    }
    curves = {
        name: (
            sizes,
            100
            * _counts.shares(
                [random_waves.is_saddle(np.concatenate(found[size])) for size in sizes]
            ),
        )
        for name, found in kinds.items()
    }
    figure = _curves.save(
        folder,
        "saddles_by_dimension",
        curves,
        x_label="parameters",
        y_label="saddles (%)",
        log_x=True,
        caption=(
            "Share of saddles among critical points, and of matrices with eigenvalues "
            "of both signs, in their 95 % intervals."
        ),
    )
    starts = len(config.draws) * config.functions
    return report.Section(
        heading="Saddles everywhere",
        text=(
            f"A random function is a sum of {random_waves.WAVES} waves on a torus, "
            "`Σ a cos(k · x + p)`, with normal amplitudes a, uniform phases p and "
            f"integer wave vectors k with entries from −{random_waves.HIGHEST} to "
            f"{random_waves.HIGHEST}. Of each of {starts:,} functions of a size one "
            "critical point is sampled: that at which Newton's method, its steps no "
            "longer than 1, arrives from a uniform random point. Points with wide "
            "basins are so found more often than others; starts from which it does not "
            f"arrive within {random_waves.STEPS} updates are left out. On a torus no "
            "critical point of a function of one parameter is a saddle, and with two "
            "parameters exactly half of all are."
            "\n\n"
            "The matrices are symmetric with independent normal entries (the Gaussian "
            "orthogonal ensemble), as if a Hessian had no preferred sign. Of them "
            "`1 / √2` = 70.7 % are indefinite with two parameters, and "
            "`1/2 + √2 / π` = 95.0 % with three."
        ),
        table=_critical_table(critical),
        figures=[figure],
    )


def _critical_table(critical: measured.Critical) -> report.Table:
    """Return how many critical points and matrices are of which kind."""
    rows = [
        (
            f"{size}",
            f"{sum(map(len, critical.waves[size])):,}",
            f"{100 * _share(random_waves.is_saddle, critical.waves[size]):.1f}",
            f"{100 * _share(random_waves.is_minimum, critical.waves[size]):.1f}",
            f"{100 * _share(random_waves.is_saddle, critical.gaussian[size]):.1f}",
        )
        for size in sorted(critical.waves)
    ]
    header = (
        "parameters",
        "critical points",
        "saddles (%)",
        "minima (%)",
        "indefinite matrices (%)",
    )
    return report.Table(header, rows)


def _share(
    kind: Callable[[np.ndarray], np.ndarray], eigenvalues: Sequence[np.ndarray]
) -> float:
    """Return which share of critical points are of a kind, over all seeds."""
    return float(kind(np.concatenate(eigenvalues)).mean())
