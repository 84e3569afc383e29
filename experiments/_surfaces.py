"""The surfaces of two parameters on which update rules are watched.

Every function has its lowest value, where it has one, at zero. A function takes any
array whose first axis is (x, y), so that it evaluates a point as well as a grid.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lec7 import report

Point = tuple[float, float]


class Surface(NamedTuple):
    """A loss of two parameters, and where to look at it."""

    name: str
    """As a figure calls it."""
    function: Callable[[jax.Array], jax.Array]
    """[2, ...] -> [...]."""
    start: Point
    """Where a descent begins unless told otherwise."""
    x_range: Point
    """From left to right."""
    y_range: Point
    """From bottom to top."""
    minima: tuple[Point, ...]
    """All of them, the lowest first; empty where the loss has none."""
    saddles: tuple[Point, ...] = ()
    """All stationary points that are neither a minimum nor a maximum."""


def quadratic(condition: float = 100.0) -> Surface:
    """Return the lecture's taco shell, flat along x and steep along y.

    f = (x^2 + k y^2) / 2, whose Hessian is diag(1, k).

    Args:
      condition: k > 0.

    Returns:
      The surface.
    """
    turned = rotated_quadratic(condition, 0.0)
    return turned._replace(name="taco shell", y_range=(-3.5, 3.5))


def rotated_quadratic(condition: float = 100.0, angle: float = math.pi / 4) -> Surface:
    """Return the taco shell turned, start and all, about its minimum.

    Args:
      condition: k > 0.
      angle: counter-clockwise, radians.

    Returns:
      The surface of `ellipse`.
    """
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y = -8.0, 2.0
    return Surface(
        "rotated ellipse",
        ellipse(condition, angle),
        (cosine * x - sine * y, sine * x + cosine * y),
        (-10.0, 4.0),
        (-8.0, 6.0),
        ((0.0, 0.0),),
    )


def ellipse(condition: ArrayLike, angle: ArrayLike) -> Callable[[jax.Array], jax.Array]:
    """Return f = z^T R diag(1, k) R^T z / 2, R the rotation by an angle.

    Args:
      condition: k > 0.
      angle: of the flat direction with the x axis, counter-clockwise, radians.

    Returns:
      f, [2, ...] -> [...].
    """

    def function(z: jax.Array) -> jax.Array:
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        flat, steep = cosine * z[0] + sine * z[1], cosine * z[1] - sine * z[0]
        return (flat**2 + condition * steep**2) / 2

    return function


def _saddle(z: jax.Array) -> jax.Array:
    return z[0] ** 2 - z[1] ** 2


def _monkey_saddle(z: jax.Array) -> jax.Array:
    return z[0] ** 3 - 3 * z[0] * z[1] ** 2


def _rosenbrock(z: jax.Array) -> jax.Array:
    return (1 - z[0]) ** 2 + 100 * (z[1] - z[0] ** 2) ** 2


def _beale(z: jax.Array) -> jax.Array:
    x, y = z[0], z[1]
    return (
        (1.5 - x + x * y) ** 2
        + (2.25 - x + x * y**2) ** 2
        + (2.625 - x + x * y**3) ** 2
    )


def _himmelblau(z: jax.Array) -> jax.Array:
    x, y = z[0], z[1]
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _double_well(z: jax.Array) -> jax.Array:
    """Return g(x) + y^2 with g' = (x + 2) (x + 1) (x - 2): a bump on the way down."""
    x = z[0]
    return x**4 / 4 + x**3 / 3 - 2 * x**2 - 4 * x + 28 / 3 + z[1] ** 2


TACO_SHELL = quadratic(100.0)
ROTATED_ELLIPSE = rotated_quadratic(100.0)
SADDLE = Surface(
    "saddle", _saddle, (1.0, 1e-3), (-1.5, 1.5), (-1.5, 1.5), (), ((0.0, 0.0),)
)
MONKEY_SADDLE = Surface(
    "monkey saddle",
    *(_monkey_saddle, (1.0, 1e-3), (-1.5, 1.5), (-1.5, 1.5), (), ((0.0, 0.0),)),
)
ROSENBROCK = Surface(
    "Rosenbrock", _rosenbrock, (-1.2, 1.0), (-2.0, 2.0), (-1.0, 3.0), ((1.0, 1.0),)
)
BEALE = Surface(
    *("Beale", _beale, (1.0, 1.0), (-1.0, 4.0), (-2.5, 2.5)),
    minima=((3.0, 0.5),),
    saddles=((0.0, 1.0), (0.100537937, -2.644513585)),
)
HIMMELBLAU = Surface(
    *("Himmelblau", _himmelblau, (0.0, 0.0), (-5.0, 5.0), (-5.0, 5.0)),
    minima=(
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    ),
    saddles=(
        (-3.073025751, -0.081353044),
        (0.086677505, 2.884254701),
        (3.385154184, 0.073851880),
        (-0.127961347, -1.953714980),
    ),
)
DOUBLE_WELL = Surface(
    *("double well", _double_well, (-3.0, 1.0), (-3.5, 3.5), (-2.0, 2.0)),
    minima=((2.0, 0.0), (-2.0, 0.0)),
    saddles=((-1.0, 0.0),),
)
SURFACES = (
    TACO_SHELL,
    ROTATED_ELLIPSE,
    SADDLE,
    MONKEY_SADDLE,
    ROSENBROCK,
    BEALE,
    HIMMELBLAU,
    DOUBLE_WELL,
)


def landscape(surface: Surface, *, resolution: int = 121) -> report.Landscape:
    """Return a surface as figures draw it.

    Figures space contours by the logarithm of the loss, so it is given above the lowest
    loss in sight, and no less than a ten-thousandth of the highest.

    Args:
      surface: what to draw.
      resolution: points along a side.

    Returns:
      The losses on a grid over the surface's ranges.
    """
    x, y = (
        np.linspace(*ends, resolution) for ends in (surface.x_range, surface.y_range)
    )
    with jax.enable_x64():
        grid = jnp.stack(jnp.meshgrid(x, y, indexing="ij"))
        losses = np.asarray(surface.function(grid))
    heights = losses - min(losses.min(), 0.0)
    return report.Landscape(
        x=x,
        y=y,
        losses={surface.name: np.maximum(heights, 1e-4 * heights.max())},
        x_label="x",
        y_label="y",
        loss_label="loss" if losses.min() >= 0 else "loss above the lowest in sight",
    )
