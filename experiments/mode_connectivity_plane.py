"""The plane of two networks and the curve between them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from lec7 import landscape, report

ACROSS, ALONG = np.linspace(-0.25, 1.25, 25), np.linspace(-0.35, 0.85, 21)


class Plane(NamedTuple):
    """The training loss on a plane, in units of the distance of its two networks."""

    losses: np.ndarray
    """[A, B] at `ACROSS` and `ALONG`; the networks are at (0, 0) and (1, 0)."""
    bend: np.ndarray
    """Where the bend of the curve is [2]."""


def measure(
    loss: Callable[[Any, Any], Any], curve: landscape.BezierPath, batches: Sequence[Any]
) -> Plane:
    """Return the loss on the plane of a curve."""
    line = optax.tree.sub(curve.end, curve.start)
    bend = optax.tree.sub(curve.bend, curve.start)
    aside = landscape.orthogonalise(bend, line)
    length, away = (float(optax.tree.norm(way)) for way in (line, aside))
    share = float(optax.tree.vdot(bend, line)) / length**2
    # A bend that was left on the line has no plane of its own.
    up = jax.tree.map(lambda leaf: leaf * (length / away if away else 0.0), aside)
    losses = landscape.slice_2d(
        loss, curve.start, line, up, batches, alphas=ACROSS, betas=ALONG
    )
    return Plane(losses, np.array([share, away / length]))


def figure(
    found: Plane, positions: np.ndarray, ways: Mapping[str, np.ndarray]
) -> report.Surface:
    """Draw the plane twice, with the line on it and with the curve.

    Args:
      found: the plane.
      positions: t of the line and of the curve [T].
      ways: name of the line, then of the curve -> training loss on it [T].
    """
    line, curve = ways.values()
    bent = 2 * positions * (1 - positions)
    paths = (
        (positions, 0 * positions, line),
        (positions**2 + bent * found.bend[0], bent * found.bend[1], curve),
    )
    plane = report.Landscape(
        x=ACROSS,
        y=ALONG,
        losses=dict.fromkeys(ways, found.losses),
        x_label="along the line",
        y_label="towards the bend",
    )
    return report.Surface(
        "plane",
        plane,
        caption="Training loss on the plane of two networks, at 0 and 1 on the line, "
        "and of the bend of the curve between them, for the first pair, in units of "
        "the distance of the networks. Both panels show one surface: the way on the "
        "first is the straight line, on the second the curve.",
        paths=dict(zip(ways, paths, strict=True)),
    )
