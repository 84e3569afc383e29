"""Second-order steps on surfaces of two parameters, from many starts at once."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from lec7 import problems, update_rules

GRADIENT, NEWTON, SHORT, NEWTON_CG, BFGS = RULES = (
    "gradient + search",
    "Newton",
    "Newton, halved",
    "Newton-CG",
    "BFGS",
)


def make_rule(name: str) -> optax.GradientTransformation:
    """Return the rule of a name in `RULES`."""
    make: dict[str, Callable[[], optax.GradientTransformation]] = {
        GRADIENT: lambda: optax.chain(
            update_rules.sgd(1.0), update_rules.strong_wolfe()
        ),
        NEWTON: update_rules.newton,
        SHORT: lambda: optax.chain(update_rules.newton(), optax.scale(0.5)),
        NEWTON_CG: update_rules.newton_cg,
        BFGS: update_rules.bfgs,
    }
    return make[name]()


def _bowl(z: jax.Array) -> jax.Array:
    x, y = z[0], 3 * z[1]
    return jnp.logaddexp(x, -x) + jnp.logaddexp(y, -y) - 2 * jnp.log(2.0)


BOWL = problems.Problem(
    "convex bowl", _bowl, (1.6, 1.2), (-4.0, 4.0), (-4.0, 4.0), ((0.0, 0.0),)
)
CURVED = (problems.ROSENBROCK, problems.BEALE, problems.HIMMELBLAU)
SURFACES = (BOWL, *CURVED)


def follow(
    rule: optax.GradientTransformation,
    surfaces: Sequence[problems.Problem],
    starts: ArrayLike,
    steps: int,
) -> problems.Path:
    """Follow one rule over several surfaces as one program.

    Args:
      rule: the update rule.
      surfaces: S of them.
      starts: [S, N, 2].
      steps: T.

    Returns:
      The paths, every array with leading axes [S, N].
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


def nearer(seeds: Sequence[int], radii: np.ndarray, starts: int) -> dict:
    """Return how far a step leaves the minimum, as a share of how far it was.

    Args:
      seeds: M, each draws directions from the lowest minimum of each curved surface.
      radii: distances of the starts, [R].
      starts: directions a seed and surface.

    Returns:
      Newton's share and that of a gradient step, its length the best of all, [M, R]
      each: geometric means over surfaces and directions.
    """
    angles = np.stack(
        [np.random.default_rng(s).uniform(0, 2 * np.pi, starts) for s in seeds]
    )
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    away = (radii[:, None] * directions[:, :, None]).reshape(-1, 2)
    minima = np.array([surface.minima[0] for surface in CURVED])
    begin = minima[:, None] + away
    path = follow(make_rule(NEWTON), CURVED, begin, 1)
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
    """Return how far one Newton step leaves the minimum of random quadratics.

    Args:
      seeds: M, each draws a matrix of condition number 10 to 10,000, and a start.
      size: parameters.

    Returns:
      Condition numbers [M], and the distance after the step as a share of that before
      [M].
    """

    def draw(seed):
        generator = np.random.default_rng(seed)
        basis, _ = np.linalg.qr(generator.normal(size=(size, size)))
        values = np.geomspace(1, 10 ** generator.uniform(1, 4), size)
        matrix = basis @ np.diag(values) @ basis.T
        return values[-1], matrix, generator.normal(size=size)

    conditions, matrices, starts = map(np.stack, zip(*map(draw, seeds), strict=True))
    losses = problems.Family(lambda matrix, x: 0.5 * x @ matrix @ x, matrices, starts)
    points = problems.descend(make_rule(NEWTON), losses, 1).points
    distance = np.linalg.norm(points, axis=-1)
    return conditions, np.maximum(distance[:, 1] / distance[:, 0], 1e-17)


def race(
    seeds: Sequence[int], starts: int, steps: int, report: Callable[[int], None]
) -> dict[str, problems.Path]:
    """Follow every rule from random starts in the window of every surface.

    Args:
      seeds: M, each draws starts.
      starts: of a seed on each surface.
      steps: T.
      report: told how many rules are done.

    Returns:
      Name of each rule -> paths [S, 1 + M starts, ...], the first of which begins where
      the surface has it.
    """
    begin = np.stack([_draw(surface, seeds, starts) for surface in SURFACES])
    paths = {}
    for name in RULES:
        paths[name] = follow(make_rule(name), SURFACES, begin, steps)
        report(len(paths))
    return paths


def arrived(path: problems.Path, seeds: int, tolerance: float) -> np.ndarray:
    """Return which share of the starts has reached a minimum, and stays.

    Args:
      path: of a rule in a race.
      seeds: M.
      tolerance: distance from a minimum, in each coordinate, at which it is reached.

    Returns:
      Percent, [S, M, T + 1].
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


def _draw(surface: problems.Problem, seeds: Sequence[int], starts: int) -> np.ndarray:
    """Return the surface's own start and those of all seeds, [1 + M starts, 2]."""
    low, high = np.transpose([surface.x_range, surface.y_range])
    drawn = [np.random.default_rng(s).uniform(low, high, (starts, 2)) for s in seeds]
    return np.concatenate([[surface.start], *drawn])
