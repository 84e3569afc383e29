"""The losses of two parameters on which optimisers are usually watched.

Each has its lowest value, where it has one, at zero.
"""

import jax

from lec7.problems import problem, shells


def saddle(z: jax.Array) -> jax.Array:
    """Evaluate x^2 - y^2, whose only stationary point is a saddle.

    Args:
      z: (x, y) [2, ...].

    Returns:
      Values [...].
    """
    return z[0] ** 2 - z[1] ** 2


def monkey_saddle(z: jax.Array) -> jax.Array:
    """Evaluate x^3 - 3 x y^2, whose Hessian vanishes at the saddle.

    Args:
      z: (x, y) [2, ...].

    Returns:
      Values [...].
    """
    return z[0] ** 3 - 3 * z[0] * z[1] ** 2


def rosenbrock(z: jax.Array) -> jax.Array:
    """Evaluate Rosenbrock's function, (1 - x)^2 + 100 (y - x^2)^2.

    Its one minimum, (1, 1), lies in a bent valley.

    Args:
      z: (x, y) [2, ...].

    Returns:
      Values [...].

    References:
      Rosenbrock 1960, An automatic method for finding the greatest or least value of a
      function, The Computer Journal 3(3).
    """
    return (1 - z[0]) ** 2 + 100 * (z[1] - z[0] ** 2) ** 2


def beale(z: jax.Array) -> jax.Array:
    """Evaluate Beale's function, sum_i (c_i - x + x y^i)^2, c = (1.5, 2.25, 2.625).

    It has one minimum, (3, 0.5), and plateaus beside steep walls.

    Args:
      z: (x, y) [2, ...].

    Returns:
      Values [...].

    References:
      Beale 1958, On an iterative method for finding a local minimum of a function of
      more than one variable, Princeton University.
    """
    x, y = z[0], z[1]
    return (
        (1.5 - x + x * y) ** 2
        + (2.25 - x + x * y**2) ** 2
        + (2.625 - x + x * y**3) ** 2
    )


def himmelblau(z: jax.Array) -> jax.Array:
    """Evaluate Himmelblau's function, (x^2 + y - 11)^2 + (x + y^2 - 7)^2.

    It has four minima of value zero, four saddles and a maximum between them.

    Args:
      z: (x, y) [2, ...].

    Returns:
      Values [...].

    References:
      Himmelblau 1972, Applied Nonlinear Programming, McGraw-Hill.
    """
    x, y = z[0], z[1]
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def double_well(z: jax.Array) -> jax.Array:
    """Evaluate g(x) + y^2 with g' = (x + 2) (x + 1) (x - 2): a bump on the way down.

    Args:
      z: (x, y) [2, ...].

    Returns:
      Values [...], zero at the global minimum (2, 0).
    """
    x = z[0]
    return x**4 / 4 + x**3 / 3 - 2 * x**2 - 4 * x + 28 / 3 + z[1] ** 2


SADDLE = problem.Problem(
    "saddle", saddle, (1.0, 1e-3), (-1.5, 1.5), (-1.5, 1.5), (), ((0.0, 0.0),)
)
MONKEY_SADDLE = SADDLE._replace(name="monkey saddle", function=monkey_saddle)
ROSENBROCK = problem.Problem(
    "Rosenbrock", rosenbrock, (-1.2, 1.0), (-2.0, 2.0), (-1.0, 3.0), ((1.0, 1.0),)
)
BEALE = problem.Problem(
    "Beale",
    beale,
    (1.0, 1.0),
    (-1.0, 4.0),
    (-2.5, 2.5),
    minima=((3.0, 0.5),),
    saddles=((0.0, 1.0), (0.100537937, -2.644513585)),
)
HIMMELBLAU = problem.Problem(
    "Himmelblau",
    himmelblau,
    (0.0, 0.0),
    (-5.0, 5.0),
    (-5.0, 5.0),
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
DOUBLE_WELL = problem.Problem(
    "double well",
    double_well,
    (-3.0, 1.0),
    (-3.5, 3.5),
    (-2.0, 2.0),
    minima=((2.0, 0.0), (-2.0, 0.0)),
    saddles=((-1.0, 0.0),),
)
PROBLEMS = (
    shells.TACO_SHELL,
    shells.ROTATED_ELLIPSE,
    SADDLE,
    MONKEY_SADDLE,
    ROSENBROCK,
    BEALE,
    HIMMELBLAU,
    DOUBLE_WELL,
)
