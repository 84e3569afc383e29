"""What is read off the losses and the points of descents.

Those that speak of a way along and across take the flat direction to be the first
coordinate and the minimum to be the origin, as `shells.draw` has them.
"""

import numpy as np
from numpy.typing import ArrayLike

from lec7.problems import descent


def updates_to_settle(losses: np.ndarray, fraction: float) -> np.ndarray:
    """Count the updates until the loss stays at or below a fraction of the first.

    Args:
      losses: [..., T + 1].
      fraction: of the first loss.

    Returns:
      As many as are needed; T where the last loss is above [...].

    Example:
      >>> updates_to_settle(np.array([[8, 2, 4, 1, 1], [8, 7, 6, 5, 4]]), 0.25)
      array([3., 4.])
    """
    steps = losses.shape[-1] - 1
    above = ~(losses <= fraction * losses[..., :1])[..., ::-1]
    last = np.where(above.any(axis=-1), steps - above.argmax(axis=-1), -1)
    return np.minimum(last + 1, steps).astype(float)


def updates_below(losses: np.ndarray, level: ArrayLike) -> np.ndarray:
    """Count the updates until the loss is first below a level.

    Args:
      losses: [..., T + 1].
      level: [...], or what broadcasts to it.

    Returns:
      As many as are needed; T where it never is [...].

    Example:
      >>> updates_below(np.array([[8, 2, 4, 1], [8, 7, 6, 5]]), [3, 3])
      array([1., 3.])
    """
    below = losses < np.asarray(level, float)[..., None]
    steps = losses.shape[-1] - 1
    return np.where(below.any(axis=-1), below.argmax(axis=-1), steps).astype(float)


def last_loss(losses: np.ndarray) -> np.ndarray:
    """Return the loss after the last update.

    Args:
      losses: [..., T + 1].

    Returns:
      [...].
    """
    return losses[..., -1]


def overshoot(path: descent.Path) -> np.ndarray:
    """Return how far paths go past the minimum along the flat direction.

    Args:
      path: N paths.

    Returns:
      The farthest point, as a share of the distance at the start [N].
    """
    x = path.points[..., 0]
    return np.maximum(0, np.max(-x / x[:, :1], axis=1))


def updates_to_halve(path: descent.Path) -> np.ndarray:
    """Count the updates that bring paths half the way along the flat direction.

    Args:
      path: N paths.

    Returns:
      As many as are needed; T where they do not [N].
    """
    x = np.abs(path.points[..., 0])
    there = x <= x[:, :1] / 2
    return np.where(there.any(axis=1), there.argmax(axis=1), x.shape[1] - 1)


def updates_to_cross(path: descent.Path) -> np.ndarray:
    """Count the updates until paths first pass the minimum along the flat direction.

    Args:
      path: N paths.

    Returns:
      As many as are needed; T where they do not [N].
    """
    x = path.points[..., 0]
    past = x * x[:, :1] < 0
    return np.where(past.any(axis=1), past.argmax(axis=1), x.shape[1] - 1)


def travelled(path: descent.Path, updates: int | None = None) -> np.ndarray:
    """Return how far paths travel, back and forth, along and across.

    Args:
      path: N paths.
      updates: how many of the first ones count; all unless given.

    Returns:
      The sums of |dx| and of |dy| [2, N].
    """
    return np.abs(np.diff(path.points, axis=1))[:, :updates].sum(axis=1).T


def left_to_go(path: descent.Path) -> np.ndarray:
    """Return how much of the way along the flat direction is left at the end.

    Args:
      path: N paths.

    Returns:
      As a share of the distance at the start, on either side of the minimum [N].
    """
    x = path.points[..., 0]
    return np.abs(x[:, -1] / x[:, 0])


def sustained_loss(path: descent.Path) -> np.ndarray:
    """Return the loss that noise sustains.

    Args:
      path: N paths.

    Returns:
      The mean loss after each update of the second half [N].
    """
    losses = path.losses[:, 1:]
    return losses[:, losses.shape[1] // 2 :].mean(axis=1)


def straightness(path: descent.Path) -> np.ndarray:
    """Return the mean cosine of the angle between an update and the next.

    Args:
      path: N paths.

    Returns:
      From -1, back and forth, to 1, straight on [N].
    """
    d = np.diff(path.points, axis=1)
    d = d / np.linalg.norm(d, axis=2, keepdims=True)
    return np.mean(np.sum(d[:, 1:] * d[:, :-1], axis=2), axis=1)
