"""Sections of a report that show descents on taco shells."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments import _curves, _descents, _shells, _surfaces, _trajectories
from experiments._conditioning import measured
from lec7 import report

EQUAL, TUNED = "one rate for all", "each at its best rate"
LEAST = 1e-8  # share of the first loss below which curves are not drawn

Pictured = Mapping[str, Mapping[str, _trajectories.Path]]


def sections(
    config: Any, folder: pathlib.Path, study: measured.Study, pictured: Pictured
) -> list[report.Section]:
    """Show what was measured.

    Args:
      config: the experiment's.
      folder: the run's folder.
      study: what was measured.
      pictured: title of a panel -> rule -> its path on the shell in the pictures.

    Returns:
      The sections.
    """
    return [
        *_pictures(config, folder, pictured),
        _speed(config, folder, study),
        _ways(folder, study),
        _momentum(folder, study),
        _noise(config, folder, study),
        _parameters(config, folder, study),
    ]


def _pictures(
    config: Any, folder: pathlib.Path, pictured: Pictured
) -> list[report.Section]:
    surface = _surfaces.quadratic(config.condition)
    return _descents.sections(
        folder,
        {title: (surface, paths) for title, paths in pictured.items()},
        heading="The taco shell",
        text=(
            "The loss is `(x² + k y²) / 2`: the ratio of its curvatures is the "
            "condition number k. At one rate for all rules the picture is that of the "
            "lecture, and unfair: a rule that divides by the size of the gradient "
            "takes steps of about the rate, whatever the scale of the loss."
        ),
        shown=(
            f"Six rules on a shell of condition number {config.condition:g}, "
            f"{config.shown} updates; the rate for all is {config.equal_rate:g} / k."
        ),
    )


def _speed(config: Any, folder: pathlib.Path, study: measured.Study) -> report.Section:
    settling = _by_condition(
        folder,
        "settling",
        study,
        {name: tuned.steps for name, tuned in study.tuned.items()},
        y_label="updates to settle",
        log_y=True,
        caption=(
            f"Updates until the loss stays below {config.fraction:g} of the first, "
            f"each rule at the best of {config.rates} rates for the shell. A shell has "
            f"a start of its own. At most {config.most_steps:,}."
        ),
    )
    rows = [
        (
            name,
            report.format_spread(t.rates * study.shells.conditions),
            report.format_spread(t.rates),
            report.format_spread(t.steps),
        )
        for name, t in study.tuned.items()
    ]
    header = ("rule", "best rate × k", "best rate", "updates to settle")
    return report.Section(
        heading="Speed",
        text=(
            "AdaGrad's steps shrink as its sum of squares grows. So its rate may be as "
            "long as the valley, and it settles all the same. RMSProp's steps do not "
            "shrink: its rate must be as small as what it is to settle at, and then "
            "the way there is long."
        ),
        table=report.Table(header, rows, "Mean ± standard deviation over shells."),
        figures=[
            settling,
            _losses(folder, "losses_equal", study.equal, EQUAL),
            _losses(folder, "losses_tuned", study.best, TUNED),
        ],
    )


def _losses(
    folder: pathlib.Path,
    name: str,
    paths: Mapping[str, _trajectories.Path],
    rates: str,
) -> report.Figure:
    return _curves.save(
        folder,
        name,
        {rule: _shares(path) for rule, path in paths.items()},
        x_label="updates",
        y_label="loss / first loss",
        log_y=True,
        caption=(
            f"Loss along the descents, {rates}: median over the shells in a band from "
            "the lowest to the highest, cut at 10⁻⁸."
        ),
    )


def _shares(path: _trajectories.Path) -> tuple[np.ndarray, np.ndarray]:
    """Return updates, and the loss as a share of the first [N, T + 1]."""
    shares = path.losses / path.losses[:, :1]
    return np.arange(shares.shape[1]), np.maximum(shares, LEAST)


def _by_condition(
    folder: pathlib.Path,
    name: str,
    study: measured.Study,
    values: Mapping[str, np.ndarray],
    **looks: Any,
) -> report.Figure:
    # In the order of the condition numbers, which are drawn at random.
    order = np.argsort(study.shells.conditions)
    conditions = study.shells.conditions[order]
    groups = {group: (conditions, row[order]) for group, row in values.items()}
    return _curves.save(
        folder, name, groups, x_label="condition number", log_x=True, **looks
    )


def _ways(folder: pathlib.Path, study: measured.Study) -> report.Section:
    overshoot, tuned = (
        _by_condition(
            folder,
            name,
            study,
            {rule: 100 * _shells.overshoot(path) for rule, path in paths.items()},
            y_label="overshoot (% of the way)",
            caption=(
                "How far a path goes past the minimum along the flat direction; "
                f"{rates}."
            ),
        )
        for name, rates, paths in (
            ("overshoot", EQUAL, study.equal),
            ("overshoot_tuned", TUNED, study.best),
        )
    )
    several = {
        "SGD": study.best["SGD"],
        "momentum, SGD's rate": study.borrowed["momentum"],
        "momentum": study.best["momentum"],
        "Nesterov": study.best["Nesterov"],
    }
    travelled = _by_condition(
        folder,
        "travelled",
        study,
        {
            name: np.divide(*_shells.travelled(path)[::-1])
            for name, path in several.items()
        },
        y_label="way across / way along",
        log_y=True,
        caption=(
            "Distance travelled back and forth across the valley, over that along it; "
            "each at its best rate, and momentum also at that of SGD."
        ),
    )
    return report.Section(
        heading="Zig-zag and overshoot", figures=[travelled, overshoot, tuned]
    )


def _momentum(folder: pathlib.Path, study: measured.Study) -> report.Section:
    decays = _curves.save(
        folder,
        "decay_of_velocity",
        {"momentum": (list(study.decays), np.stack(list(study.decays.values()), 1))},
        x_label="decay of the velocity",
        y_label="updates to settle",
        log_y=True,
        caption=(
            "Momentum with six decays, the rate tuned to each on every shell: median "
            "over the shells in a band from the lowest to the highest."
        ),
    )
    kicked = {name: path.losses[:, 1:] for name, path in study.wrong.items()}
    wrong = _curves.save(
        folder,
        "wrong_velocity",
        {
            name: (np.arange(loss.shape[1]) + 1, np.maximum(loss / loss[:, :1], LEAST))
            for name, loss in kicked.items()
        },
        x_label="updates",
        y_label="loss / loss after one update",
        log_y=True,
        caption=(
            "Started at the minimum with the same velocity, which one wrong gradient "
            "of (1, 1) has given, at one rate; Nesterov in its look-ahead form. "
            "Median over the shells in a band from the lowest to the highest."
        ),
    )
    return report.Section(heading="The velocity", figures=[decays, wrong])


def _noise(config: Any, folder: pathlib.Path, study: measured.Study) -> report.Section:
    condition = study.shells.conditions[0]
    surface = _surfaces.quadratic(condition)
    shown = report.Plane(
        landscape=_surfaces.landscape(surface),
        paths={name: study.noisy[name].points[0] for name in ("SGD", "momentum")},
        minima=surface.minima,
    )
    paths = report.save_trajectories(
        {f"condition number {condition:.0f}": shown},
        folder,
        "noisy_paths",
        caption=(
            "SGD and momentum at one rate with Gaussian noise of standard deviation "
            f"{config.noise:g} in each coordinate of the gradient."
        ),
    )
    floor = _by_condition(
        folder,
        "noise_floor",
        study,
        {rule: _shells.sustained(path) for rule, path in study.floor.items()},
        y_label="loss",
        log_y=True,
        caption=(
            f"Mean loss of the second half of {config.steps} updates from the minimum. "
            "At the same rate, the terminal speed of momentum is ten times "
            "that of SGD; at a rate of (1 − decay) times that it is the same."
        ),
    )
    return report.Section(heading="Noise", figures=[paths, floor])


def _parameters(
    config: Any, folder: pathlib.Path, study: measured.Study
) -> report.Section:
    seeds = f"{len(study.shells.starts)} seeds"
    figures = [
        _curves.save(
            folder,
            name,
            {config.dataset: (list(by_size), np.stack([*by_size.values()], axis=1))},
            x_label="parameters",
            y_label=label,
            log_x=True,
            log_y=True,
            caption=f"{what}: median over {seeds} in a band from lowest to highest.",
        )
        for name, by_size, label, what in (
            (
                "parameters",
                study.features,
                "condition number",
                f"Hessian of least squares on random pixels of `{config.dataset}`",
            ),
            (
                "networks",
                study.networks,
                "largest / mean curvature",
                "Hessian of networks with one hidden layer, at initialisation",
            ),
        )
    ]
    return report.Section(heading="More parameters", figures=figures)
