"""The sections of the report on second-order rules."""

import pathlib
from typing import Any

import numpy as np

from experiments import _curves, descents
from experiments._second_order import claims, hessian_cost, newton_steps
from lec7 import report

_BAND = "Median over seeds, in a band from the lowest to the highest."


def sections(folder: pathlib.Path, findings: Any) -> list[report.Section]:
    """Show all that was run.

    Args:
      folder: the run's folder.
      findings: all that was run.

    Returns:
      The sections.
    """
    return [
        _one_step(folder, findings),
        _paths(folder, findings),
        _arrivals(folder, findings),
        _cost(folder, findings.cost),
        *(_training(folder, name, findings) for name in claims.TASKS),
    ]


def _one_step(folder: pathlib.Path, findings: Any) -> report.Section:
    names = {
        newton_steps.NEWTON: "Newton's step",
        newton_steps.GRADIENT: "gradient step of the best length",
    }
    figure = _curves.save(
        folder,
        "one_step",
        {
            label: (findings.radii, findings.nearer[name])
            for name, label in names.items()
        },
        x_label="distance from the minimum before the step",
        y_label="distance after / before",
        log_x=True,
        log_y=True,
        caption=(
            "How much of the distance from a minimum one step leaves, geometric mean "
            "over directions and over Rosenbrock's, Beale's and Himmelblau's function. "
            f"The gradient step ends where its ray is nearest to the minimum. {_BAND}"
        ),
    )
    conditions, left = findings.quadratics
    order = np.argsort(conditions)
    quadratics = _curves.save(
        folder,
        "quadratics",
        {"Newton's step": (conditions[order], left[order])},
        x_label="condition number",
        y_label="distance after / before",
        log_x=True,
        log_y=True,
        caption=(
            "How much of the distance from the minimum one Newton step leaves on "
            "random quadratics of eight parameters, in float64: rounding alone."
        ),
    )
    return report.Section(heading="One step", figures=[figure, quadratics])


def _paths(folder: pathlib.Path, findings: Any) -> report.Section:
    panels = {}
    for place, surface in enumerate(newton_steps.SURFACES):
        panels[surface.name] = report.Plane(
            landscape=descents.landscape(surface),
            paths={name: _shown(path, place) for name, path in findings.races.items()},
            minima=surface.minima,
        )
    replay = report.save_replay(
        panels,
        folder,
        "paths",
        caption=(
            "Every rule from one start on each surface. Newton's step goes to whatever "
            "is stationary: a minimum, a maximum, a saddle; where the curvature fades, "
            "as on the sides of the convex bowl, it overshoots ever farther."
        ),
    )
    animation = report.save_animation(
        {surface.name: panels[surface.name] for surface in newton_steps.CURVED},
        folder,
        "moving",
        caption="The same paths on the surfaces that are not convex, step by step.",
        frames=40,
    )
    return report.Section(heading="Paths", replay=replay, figures=[animation])


def _shown(path: Any, place: int) -> Any:
    """Return the first path on a surface, standing where it last was in bounds."""
    points, losses = path.points[place, 0], path.losses[place, 0]
    known = np.abs(np.nan_to_num(points, nan=np.inf)).max(axis=-1) < 1e6
    last = np.maximum.accumulate(np.where(known, np.arange(len(points)), 0))
    state = {name: values[place, 0][last] for name, values in path.state.items()}
    return path._replace(points=points[last], losses=losses[last], state=state)


def _arrivals(folder: pathlib.Path, findings: Any) -> report.Section:
    groups = {
        name: (np.arange(share.shape[-1]), share.mean(axis=0))
        for name, share in findings.arrived.items()
    }
    figure = _curves.save(
        folder,
        "arrived",
        groups,
        x_label="updates",
        y_label="starts that are at a minimum (%)",
        caption=(
            "From random starts in the window of each surface, all surfaces together. "
            f"{_BAND}"
        ),
    )
    names = [surface.name for surface in newton_steps.SURFACES]
    rows = [
        (rule, *map(report.format_spread, share[..., -1]))
        for rule, share in findings.arrived.items()
    ]
    table = report.Table(
        ("rule", *(f"{name} (%)" for name in names)),
        rows,
        "Starts that end at a minimum, mean ± standard deviation over seeds.",
    )
    return report.Section(
        heading="From random starts",
        text=(
            "An update counts as one whatever it costs: Newton's rules apply Hessians, "
            "and a line search evaluates the loss and its gradient several times."
        ),
        table=table,
        figures=[figure],
    )


def _cost(folder: pathlib.Path, cost: hessian_cost.Cost) -> report.Section:
    networks = hessian_cost.NETWORKS
    marks = {
        name: networks[name]
        for name in (min(networks, key=networks.get), max(networks, key=networks.get))
    }
    sizes = np.geomspace(cost.parameters.min(), max(networks.values()), 9)
    gigabytes = _curves.save(
        folder,
        "hessian_bytes",
        {
            "Hessian, 4 P²": (sizes, hessian_cost.NUMBER * sizes**2 / 1e9),
            "Hessian, formed": (cost.parameters, cost.memory / 1e9),
            "memory of L-BFGS, 80 P": (sizes, 20 * hessian_cost.NUMBER * sizes / 1e9),
        },
        x_label="parameters P",
        y_label="memory (GB)",
        log_x=True,
        log_y=True,
        marks=marks,
        caption=(
            "Memory of the Hessian in float32, as formed for networks on the data and "
            "for known networks, beside that of ten pairs of L-BFGS."
        ),
    )
    forming = hessian_cost.law(cost.parameters, cost.forming, 2)
    inverting = hessian_cost.law(cost.parameters, cost.inverting, 3)
    seconds = _curves.save(
        folder,
        "hessian_seconds",
        {
            "inverted": (cost.parameters, cost.inverting),
            "c P³": (sizes, inverting * sizes**3),
            "formed": (cost.parameters, cost.forming),
            "c P²": (sizes, forming * sizes**2),
        },
        x_label="parameters P",
        y_label="seconds",
        log_x=True,
        log_y=True,
        marks=marks,
        caption=(
            "Seconds to form a Hessian by P products on a batch of 256 and to invert "
            "it on this machine: all times measured, and the laws c P² and c P³ at the "
            "highest speed among them, drawn on to known networks."
        ),
    )
    rows = [
        (
            name,
            size,
            hessian_cost.NUMBER * size**2 / 1e12,
            inverting * float(size) ** 3 / hessian_cost.YEAR,
        )
        for name, size in networks.items()
    ]
    header = ("network", "parameters", "Hessian (TB)", "inversion (years)")
    table = report.Table(header, rows, "Extrapolated by the laws in the figures.")
    return report.Section(
        heading="The Hessian of a network", table=table, figures=[gigabytes, seconds]
    )


def _training(folder: pathlib.Path, name: str, findings: Any) -> report.Section:
    trained = findings.trained[name]
    figure = _curves.save(
        folder,
        claims.FIGURES[name],
        {rule: (found.passes, found.loss) for rule, found in trained.items()},
        x_label="gradients, in passes over the training set",
        y_label="training loss (nats)",
        log_y=True,
        caption=(
            "Training loss against the gradients taken, a line search's own among "
            "them; rules of first order at the best of equally many rates each. "
            f"{_BAND}"
        ),
    )
    rows = [
        (rule, found.rate, report.format_spread(found.loss[:, -1]))
        for rule, found in trained.items()
    ]
    table = report.Table(
        ("rule", "learning rate", "final training loss (nats)"),
        rows,
        "Mean ± standard deviation over seeds.",
    )
    return report.Section(
        heading=name[0].upper() + name[1:], table=table, figures=[figure]
    )
