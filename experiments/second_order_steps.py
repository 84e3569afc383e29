"""Second-order steps on surfaces of two parameters, from many starts at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from experiments import descents
from lec7 import problems, report, runs, update_rules

if TYPE_CHECKING:
    from experiments.second_order import Config

GRADIENT, NEWTON, NEWTON_CG = "gradient + search", "Newton", "Newton-CG"
HALVED = "Newton, halved"
RULES: Mapping[str, Callable[[], optax.GradientTransformation]] = {
    GRADIENT: lambda: optax.chain(update_rules.sgd(1.0), update_rules.strong_wolfe()),
    NEWTON: update_rules.newton,
    HALVED: lambda: optax.chain(update_rules.newton(), optax.scale(0.5)),
    NEWTON_CG: update_rules.newton_cg,
    "BFGS": update_rules.bfgs,
}


def _bowl(z: jax.Array) -> jax.Array:
    x, y = z[0], 3 * z[1]
    return jnp.logaddexp(x, -x) + jnp.logaddexp(y, -y) - 2 * jnp.log(2.0)


BOWL = problems.Problem(
    "convex bowl", _bowl, (1.6, 1.2), (-4.0, 4.0), (-4.0, 4.0), ((0.0, 0.0),)
)
CURVED = (problems.ROSENBROCK, problems.BEALE, problems.HIMMELBLAU)
SURFACES = (BOWL, *CURVED)


class Steps(NamedTuple):
    """What single steps from R distances and races from random starts come to."""

    radii: np.ndarray
    """Distances of the starts of single steps [R]."""
    nearer: Mapping[str, np.ndarray]
    """Step -> distance after / before [M, R]."""
    conditions: np.ndarray
    """Of random quadratics [M]."""
    left: np.ndarray
    """Distance after / before a Newton step on these [M]."""
    shown: Mapping[str, Mapping[str, problems.Path]]
    """Surface -> rule -> the path from the surface's own start."""
    arrived: Mapping[str, np.ndarray]
    """Rule -> percent of the random starts at a minimum, to stay [S, M, T + 1]."""


def measure(config: "Config", context: runs.Context) -> Steps:
    """Take single steps, and let every rule go from random starts."""
    draws = range(config.draws)
    radii = np.geomspace(config.near, config.far, 9)
    conditions, left = quadratics(draws)
    begin = np.stack([_draw(surface, draws, config.starts) for surface in SURFACES])
    shown, arrived = {surface.name: {} for surface in SURFACES}, {}
    with context.progress.task("from random starts", len(RULES)) as task:
        for name, make_rule in RULES.items():
            path = follow(make_rule(), SURFACES, begin, config.steps)
            arrived[name] = share_arrived(path, config.draws, config.tolerance)
            for place, surface in enumerate(SURFACES):
                shown[surface.name][name] = _in_bounds(path.select((place, 0)))
            task.update(len(arrived))
    nearest = nearer(draws, radii, config.starts)
    return Steps(radii, nearest, conditions, left, shown, arrived)


def follow(
    rule: optax.GradientTransformation,
    surfaces: Sequence[problems.Problem],
    starts: ArrayLike,
    steps: int,
) -> problems.Path:
    """Follow one rule over S surfaces from starts [S, N, 2] as one program.

    Every array of the paths has leading axes [S, N].
    """
    functions = [surface.function for surface in surfaces]
    starts = np.asarray(starts)
    grid = starts.shape[:2]
    losses = problems.Family(
        lambda which, x: jax.lax.switch(which, functions, x),
        np.repeat(np.arange(grid[0]), grid[1]),
        starts.reshape(-1, 2),
    )
    path = problems.descend(rule, losses, steps)
    return jax.tree.map(lambda leaf: leaf.reshape(*grid, *leaf.shape[1:]), path)


def nearer(
    seeds: Sequence[int], radii: np.ndarray, starts: int
) -> dict[str, np.ndarray]:
    """Return how far a step leaves the minimum, as a share of how far it was [M, R].

    Each seed draws directions from the lowest minimum of each curved surface; a share
    is the geometric mean over surfaces and directions. The gradient step has the best
    length of all.
    """
    angles = np.stack(
        [np.random.default_rng(s).uniform(0, 2 * np.pi, starts) for s in seeds]
    )
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    away = (radii[:, None] * directions[:, :, None]).reshape(-1, 2)
    minima = np.array([surface.minima[0] for surface in CURVED])
    begin = minima[:, None] + away
    path = follow(RULES[NEWTON](), CURVED, begin, 1)
    newton = np.linalg.norm(path.points[:, :, 1] - minima[:, None], axis=-1)
    with jax.enable_x64():
        gradients = np.stack(
            [
                jax.vmap(jax.grad(surface.function))(points)
                for surface, points in zip(CURVED, begin, strict=True)
            ]
        )
    # The point of a ray that is nearest to the minimum is at the foot of a normal.
    downhill = gradients / np.linalg.norm(gradients, axis=-1, keepdims=True)
    along = np.maximum(np.sum(downhill * away, axis=-1), 0)
    gradient = np.linalg.norm(away - along[..., None] * downhill, axis=-1)

    def share(distance):
        shape = (len(CURVED), len(seeds), starts, len(radii))
        ratio = distance.reshape(shape) / radii
        return np.exp(np.log(np.maximum(ratio, 1e-16)).mean(axis=(0, 2)))

    return {NEWTON: share(newton), GRADIENT: share(gradient)}


def quadratics(seeds: Sequence[int], size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return condition numbers, and distances after / before a Newton step, [M] each.

    Each seed draws a quadratic of a condition number from 10 to 10,000, and a start.
    """

    def draw(seed):
        generator = np.random.default_rng(seed)
        basis, _ = np.linalg.qr(generator.normal(size=(size, size)))
        values = np.geomspace(1, 10 ** generator.uniform(1, 4), size)
        matrix = basis @ np.diag(values) @ basis.T
        return values[-1], matrix, generator.normal(size=size)

    conditions, matrices, starts = map(np.stack, zip(*map(draw, seeds), strict=True))
    losses = problems.Family(lambda matrix, x: 0.5 * x @ matrix @ x, matrices, starts)
    points = problems.descend(RULES[NEWTON](), losses, 1).points
    distance = np.linalg.norm(points, axis=-1)
    return conditions, np.maximum(distance[:, 1] / distance[:, 0], 1e-17)


def share_arrived(path: problems.Path, seeds: int, tolerance: float) -> np.ndarray:
    """Return what percent of random starts are at a minimum, to stay [S, M, T + 1].

    The tolerance is of each coordinate; the first path of a surface does not count.
    """
    there = []
    for surface, points in zip(SURFACES, path.points[:, 1:], strict=True):
        gaps = points[..., None, :] - np.array(surface.minima)
        # The larger of the two coordinates, as squares may overflow.
        distance = np.nan_to_num(np.abs(gaps), nan=np.inf).max(axis=-1).min(axis=-1)
        is_near = distance[:, ::-1] < tolerance
        there.append(np.logical_and.accumulate(is_near, axis=1)[:, ::-1])
    shares = np.array(there).reshape(len(SURFACES), seeds, -1, path.points.shape[2])
    return 100 * shares.mean(axis=2)


def _draw(surface, seeds, starts):
    """Return the surface's own start and those of all seeds, [1 + M starts, 2]."""
    low, high = np.transpose([surface.x_range, surface.y_range])
    drawn = [np.random.default_rng(s).uniform(low, high, (starts, 2)) for s in seeds]
    return np.concatenate([[surface.start], *drawn])


def _in_bounds(path):
    """Return a path that stands where it last was in bounds."""
    known = np.abs(np.nan_to_num(path.points, nan=np.inf)).max(axis=-1) < 1e6
    return path.select(np.maximum.accumulate(np.where(known, np.arange(known.size), 0)))


def claims(found: Steps) -> list[report.Claim]:
    """Decide how near a step lands, and whether it needs a length of its own."""
    lands = report.Claims(source="lecture, 0:47:24", figure="one_step")
    exact = report.Claims(
        source="lecture, 0:48:51", figure="quadratics", kind="identity"
    )
    wants = report.Claims(source="lecture, 0:48:51", figure="arrived")
    ends = {name: of[..., -1].mean(axis=0) for name, of in found.arrived.items()}
    points = "percentage points of starts"
    return [
        lands.ratio(
            id,
            f"{where} a minimum of a curved surface, at a distance of "
            f"{found.radii[place]:g}, Newton's whole step lands nearer to it than a "
            "gradient step whose length is the best one for it.",
            "distance after the step, gradient / Newton",
            tuple(found.nearer[name][:, place] for name in (GRADIENT, NEWTON)),
            above=1,
        )
        for id, where, place in (("L40", "Near", 0), ("L40.far", "Far from", -1))
    ] + [
        exact.mean(
            "L41.quadratic",
            "Newton's step has no learning rate: on a quadratic a single step ends at "
            "the minimum, whatever the condition number.",
            "power of ten, distance after / before",
            np.log10(found.left),
            below=-9,
        ),
        wants.paired(
            "L41",
            "In practice Newton's step wants a learning rate: half of it reaches a "
            "minimum from more random starts.",
            f"{points}, half − full step",
            (ends[HALVED], ends[NEWTON]),
            above=0,
        ),
        wants.paired(
            "L41.searched",
            "With a line search, and a direction that goes downhill where the "
            "curvature is negative (Newton-CG), it reaches a minimum from more random "
            "starts.",
            f"{points}, Newton-CG − full step",
            (ends[NEWTON_CG], ends[NEWTON]),
            above=0,
        ),
    ]


def sections(found: Steps) -> list[report.Section]:
    """Show single steps, paths, and how many starts end at a minimum."""
    return [_one_step(found), _paths(found), _from_random_starts(found)]


def _one_step(found):
    labels = {NEWTON: "Newton's step", GRADIENT: "gradient step of the best length"}
    order = np.argsort(found.conditions)
    return report.Section(
        "One step",
        report.Curves(
            "one_step",
            {label: (found.radii, found.nearer[k]) for k, label in labels.items()},
            ("distance from the minimum before the step", "distance after / before"),
            log="xy",
            caption="How much of the distance from a minimum one step leaves, "
            "geometric mean over directions and over Rosenbrock's, Beale's and "
            "Himmelblau's function. The gradient step ends where its ray is nearest to "
            "the minimum.",
        ),
        report.Curves(
            "quadratics",
            {"Newton's step": (found.conditions[order], found.left[order])},
            ("condition number", "distance after / before"),
            log="xy",
            points=True,
            caption="How much of the distance from the minimum one Newton step leaves "
            "on random quadratics of eight parameters, in float64: rounding alone.",
        ),
    )


def _paths(found):
    panels = {
        surface.name: descents.panel(surface, found.shown[surface.name]).plane
        for surface in SURFACES
    }
    curved = {surface.name: panels[surface.name] for surface in CURVED}
    return report.Section(
        "Paths",
        report.Replay(
            "paths",
            report.Trajectories("paths", panels, caption=""),
            caption="Every rule from one start on each surface. Newton's step goes to "
            "whatever is stationary: a minimum, a maximum, a saddle; where the "
            "curvature fades, as on the sides of the convex bowl, it overshoots ever "
            "farther.",
        ),
        report.Animation(
            "moving",
            report.Trajectories("moving", curved, caption=""),
            caption="The same paths on the surfaces that are not convex, step by step.",
            frames=40,
        ),
    )


def _from_random_starts(found):
    return report.Section(
        "From random starts",
        "An update counts as one whatever it costs: Newton's rules apply Hessians, and "
        "a line search evaluates the loss and its gradient several times.",
        report.Table(
            ("rule", *(f"{surface.name} (%)" for surface in SURFACES)),
            [(rule, *of[..., -1]) for rule, of in found.arrived.items()],
            "Starts that end at a minimum, mean ± standard deviation over seeds.",
        ),
        report.Curves(
            "arrived",
            {
                rule: (np.arange(of.shape[-1]), of.mean(axis=0))
                for rule, of in found.arrived.items()
            },
            ("updates", "starts that are at a minimum (%)"),
            caption="From random starts in the window of each surface, all surfaces "
            "together.",
        ),
    )
