"""Himmelblau's function and its kin: stationary points, and where descents end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
import optax

from experiments import descents
from lec7 import problems, report, update_rules
from lec7.problems import valleys

if TYPE_CHECKING:
    from experiments import stationary_points

ASIDE = 1e-3  # distance from a saddle at which the loss is compared with it
SOURCE = "introduction to optimisation"
LETTERS = "ABCD"
REACHED = 0.01  # distance at which a descent has reached a point
KINDS = ("minimum", "saddle", "maximum")
GRID = valleys.grid(6.0, 16)  # where Newton's method starts
STEPS = 60  # its updates
SURFACE = problems.HIMMELBLAU


class Planes(NamedTuple):
    """Descents on N functions like Himmelblau's from S starts each."""

    found: tuple[problems.Critical, ...]
    """The stationary points of each."""
    reached: np.ndarray
    """The places in `found` where descents end, -1 for none [N, S]."""
    changes: np.ndarray
    """By how much f changes at least, on the ways up and down from saddles [N]."""


class Himmelblau(NamedTuple):
    """What is found on Himmelblau's function."""

    found: problems.Critical
    ends: Mapping[str, np.ndarray]
    """Rule -> where descents from a grid end [A, A, 2]."""
    paths: problems.Path
    """Of gradient descent from a coarser grid."""
    ground: report.Landscape


def explore(config: "stationary_points.Config") -> Planes:
    """Find the stationary points of the functions, and descend on them."""
    members = valleys.draw(config.draws)
    found = stationary_points(members)
    starts = np.stack(
        [
            np.random.default_rng([seed, 2]).uniform(-5, 5, (config.starts, 2))
            for seed in config.draws
        ]
    )
    ends = descend(members, starts, rate=config.rate, steps=config.valley_steps)
    changes = map(rise_and_drop, members, found)
    places = [
        problems.nearest(e, f.points, within=REACHED)
        for e, f in zip(ends, found, strict=True)
    ]
    return Planes(found, np.stack(places), np.array(list(changes)))


def stationary_points(members: np.ndarray) -> tuple[problems.Critical, ...]:
    """Find all stationary points of functions (a, b) [N, 2] by Newton's method."""
    rule = optax.chain(update_rules.newton(), optax.clip_by_global_norm(1.0))
    every = problems.critical_points(rule, valleys.on_starts(members, GRID), STEPS)
    parts = zip(*(np.split(leaf, len(members)) for leaf in every), strict=True)
    return tuple(problems.distinct(problems.Critical(*part)) for part in parts)


def descend(members, starts, *, rate: float, steps: int) -> np.ndarray:
    """Return where descents on functions [N, 2] from starts [N, S, 2] end."""
    losses = valleys.on_starts(members, starts)
    path = problems.descend(descents.RULES["SGD"], losses, steps, rates=rate)
    return path.points[:, -1].reshape(starts.shape)


def rise_and_drop(member: np.ndarray, found: problems.Critical) -> float:
    """Return the least of all rises and drops along the eigenvectors at saddles."""
    changes = []
    with jax.enable_x64():
        for point in found.points[found.negative == 1]:
            hessian = jax.hessian(valleys.height, argnums=1)(member, point)
            _, vectors = np.linalg.eigh(hessian)
            down, up = (
                float(valleys.height(member, point + ASIDE * vector))
                for vector in vectors.T
            )
            level = float(valleys.height(member, point))
            changes += [up - level, level - down]
    return min(changes)


def himmelblau(config: "stationary_points.Config") -> Himmelblau:
    """Find what there is on Himmelblau's function, and descend on it."""
    ends = {
        title: _paths(config, rule, config.resolution, config.valley_steps)
        for title, rule in (("gradient descent", "SGD"), ("with momentum", "momentum"))
    }
    side = config.resolution
    return Himmelblau(
        found=stationary_points(np.array([valleys.HIMMELBLAU]))[0],
        ends={k: of.points[:, -1].reshape(side, side, 2) for k, of in ends.items()},
        paths=_paths(config, "SGD", config.side, config.shown),
        ground=descents.landscape(SURFACE),
    )


def _axes(side):
    return np.linspace(*SURFACE.x_range, side), np.linspace(*SURFACE.y_range, side)


def _paths(config, rule, side, steps):
    """Return descents on Himmelblau's function from a grid."""
    starts = np.stack(np.meshgrid(*_axes(side), indexing="ij"), axis=-1).reshape(-1, 2)
    losses = SURFACE.from_starts(starts)
    return problems.descend(descents.RULES[rule](config.rate), losses, steps)


def _nearest(ends):
    """Return the nearest of the four minima [...] of points [..., 2]."""
    minima = np.array(SURFACE.minima)
    return np.linalg.norm(ends[..., None, :] - minima, axis=-1).argmin(axis=-1)


def analysis_claim(planes: Planes) -> report.Claim:
    """Decide whether the saddles found are as many as the others demand."""
    say = report.Claims(source=SOURCE, figure="stationary_points")
    return say.share(
        "D01.plane",
        "So in the plane: of the stationary points that Newton's method finds on a "
        "function like Himmelblau's the saddles are one fewer than the others, as they "
        "are of all.",
        "share of functions",
        [np.sum((-1) ** found.negative) == 1 for found in planes.found],
        above=0.95,
    )


def start_claims(planes: Planes) -> list[report.Claim]:
    """Decide what depends on the start."""
    say = report.Claims(source=SOURCE, figure="basins")
    follows = report.Claims(source=SOURCE, figure="stationary_points", kind="identity")
    pairs = planes.reached[:, :2]
    return [
        say.share(
            "D04",
            "Which minimum is reached depends on the start: two random starts mostly "
            "end in different minima of a function like Himmelblau's.",
            "share of pairs",
            pairs[:, 0] != pairs[:, 1],
            above=0.5,
        ),
        say.share(
            "D04.minima",
            "No descent from a random start ends at a saddle or a maximum.",
            "share of functions",
            [
                np.all((row >= 0) & (found.negative[row] == 0))
                for row, found in zip(planes.reached, planes.found, strict=True)
            ],
            above=0.95,
        ),
        follows.mean(
            "D04.saddle",
            "A saddle has zero gradient and is not an extremum: a thousandth to both "
            "sides along one eigenvector of the Hessian the loss is higher, along the "
            "other lower.",
            "least change of a function",
            planes.changes,
            above=0,
        ),
    ]


def _names(found):
    """Return the letter of each point that is a minimum, and "" of the others."""
    letters = [LETTERS[place] for place in _nearest(found.points)]
    return np.where(found.negative == 0, letters, "").tolist()


def in_a_plane(config: "stationary_points.Config", of: Himmelblau) -> report.Section:
    """Show descents on Himmelblau's function, and its stationary points."""
    to = _nearest(of.paths.points[:, -1])
    paths = {
        f"to {letter}": of.paths.points[to == i] for i, letter in enumerate(LETTERS)
    }
    plane = report.Plane(
        landscape=of.ground,
        paths={name: some for name, some in paths.items() if len(some)},
        minima=SURFACE.minima,
    )
    ends = of.ends["gradient descent"].reshape(-1, 2)
    places = problems.nearest(ends, of.found.points, within=REACHED)
    rows = [
        (
            f"({x:.6f}, {y:.6f})",
            f"{abs(value):.4f}",
            f"{low:.3f}, {high:.3f}",
            f"{KINDS[kind]} {name}".strip(),
            f"{100 * np.mean(places == place):.1f}",
        )
        for place, ((x, y), value, (low, high), kind, name) in enumerate(
            zip(*of.found[:3], of.found.negative, _names(of.found), strict=True)
        )
    ]
    return report.Section(
        "In a plane",
        "The gradient of Himmelblau's function, `(x² + y − 11)² + (x + y² − 7)²`, is "
        "two cubics in two unknowns. They have at most nine common roots (Bezout), and "
        f"Newton's method from a grid finds {len(of.found.points)} of them. The signs "
        "of the Hessian's eigenvalues take the place of the sign of the second "
        "derivative.",
        report.Table(
            ("point", "f", "eigenvalues of the Hessian", "kind")
            + ("descents that end here (%)",),
            rows,
            f"All stationary points, and where descents from {config.resolution}² "
            "starts end.",
        ),
        report.Animation(
            "stationary_points",
            report.Trajectories("still", {"Himmelblau": plane}, caption=""),
            caption=f"Descents on Himmelblau's function from {config.side}² starts, "
            f"{config.shown} updates at rate {config.rate:g}, by the minimum at which "
            "they are or to which they are nearest.",
        ),
    )


def from_where(config: "stationary_points.Config", of: Himmelblau) -> report.Section:
    """Show which minimum is reached from where."""
    return report.Section(
        "From where to where",
        "The saddles lie on the borders between the basins of gradient descent, and "
        "the maximum where borders meet: only a start exactly on a border could end at "
        "one. Momentum at the same rate carries over the borders.",
        report.Basins(
            "basins",
            _axes(config.resolution),
            {name: _nearest(ends) for name, ends in of.ends.items()},
            dict(zip(LETTERS, SURFACE.minima, strict=True)),
            landscape=of.ground,
            saddles=of.found.points[of.found.negative == 1],
            maxima=of.found.points[of.found.negative == 2],
            caption=f"Which minimum is reached from where, at rate {config.rate:g}. "
            "Crosses are saddles, the triangle is the maximum: at these points the "
            "gradient is zero too.",
        ),
    )


def others(planes: Planes) -> report.Section:
    """Show how many stationary points the functions have."""
    rows = []
    sizes = np.array([len(found.points) for found in planes.found])
    for size in np.unique(sizes):
        some = [found for found in planes.found if len(found.points) == size]
        kinds = np.array([np.bincount(found.negative, minlength=3) for found in some])
        rows.append((f"{size}", f"{len(some)}", *map(_range, kinds.T)))
    return report.Section(
        "Functions like Himmelblau's",
        "With other numbers than 11 and 7, each at most 3 away from them, some pairs "
        "of stationary points merge and vanish. Minima and maxima are together one "
        "more than saddles, whatever vanishes; where they are not, Newton's method has "
        "missed a point.",
        report.Table(
            ("stationary points", "functions", "minima", "saddles", "maxima"), rows
        ),
    )


def _range(counts):
    low, high = counts.min(), counts.max()
    return f"{low}" if low == high else f"{low} to {high}"
