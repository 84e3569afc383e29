"""What an update rule does on losses of few parameters, step by step, in float64.

In step t the rule sees f(x) + n_t . x, whose gradient is off by the noise n_t wherever
the rule looks. It is given all that the train step gives it: the value, the gradient,
and both as functions. Many losses, rates and starts are followed as one program.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from lec7.problems import family

MakeRule = Callable[[jax.Array], optax.GradientTransformation]

_READABLE = {"first": "first moment", "second": "second moment"}


class Path(NamedTuple):
    """T updates from a start; many starts add leading axes to every array."""

    points: np.ndarray
    """[T + 1, D], the start first."""
    losses: np.ndarray
    """[T + 1], without noise."""
    state: Mapping[str, np.ndarray]
    """What the rule remembers of each coordinate, by name -> [T + 1, D]."""

    def select(self, index: Any) -> "Path":
        """Return a part of many paths.

        Args:
          index: of the leading axes; a number, a slice, or several of them.

        Returns:
          The paths, or the updates of paths, at that index.
        """
        return jax.tree.map(lambda leaf: leaf[index], self)


class Tuned(NamedTuple):
    """What an update rule achieves on N losses at each of R rates."""

    rates: np.ndarray
    """[R]."""
    scores: np.ndarray
    """The lower the better; not finite where a descent diverged [N, R]."""

    @property
    def best(self) -> np.ndarray:
        """The best rate of every loss [N]."""
        return self.rates[_finite(self.scores).argmin(axis=1)]

    @property
    def least(self) -> np.ndarray:
        """The score of every loss at its best rate [N]."""
        return _finite(self.scores).min(axis=1)

    @property
    def shared(self) -> float:
        """The rate with the lowest mean score over the losses."""
        return float(self.rates[_finite(self.scores.mean(axis=0)).argmin()])


def descend(
    rule: optax.GradientTransformation | MakeRule,
    losses: family.Family,
    steps: int,
    *,
    rates: ArrayLike | None = None,
    noise: ArrayLike | None = None,
) -> Path:
    """Follow an update rule on every loss of a family.

    It is compiled once for a rule and a function, which are told apart by identity:
    pass the same objects again to save the time.

    Args:
      rule: an update rule; with `rates`, a function rate -> update rule.
      losses: N losses of D parameters.
      steps: T, at least 1.
      rates: one for all, or [N].
      noise: added to the gradients, [N, T, D] or what broadcasts to it; see
        `draw_noise`.

    Returns:
      The paths, every array with a leading axis [N].

    Raises:
      ValueError: shapes do not fit, or there are no steps.

    Example:
      >>> import optax
      >>> from lec7 import problems
      >>> start = problems.taco_shell(10.0).from_starts([(1.0, 1.0)])
      >>> path = descend(optax.sgd, start, 2, rates=0.2)
      >>> path.points[0].round(3)
      array([[ 1.  ,  1.  ],
             [ 0.8 , -1.  ],
             [ 0.64,  1.  ]])
    """
    given = _checked(losses, steps, rates, noise)
    with jax.enable_x64():
        return jax.device_get(_descend(rule, losses.function, steps, *given))


def tune(
    make_rule: MakeRule,
    losses: family.Family,
    steps: int,
    *,
    rates: Sequence[float] | np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    noise: ArrayLike | None = None,
) -> Tuned:
    """Descend every loss of a family at every rate, and score the descents.

    Args:
      make_rule: rate -> update rule.
      losses: N losses of D parameters.
      steps: T, at least 1.
      rates: the budget [R].
      score: loss before every update and after the last, [N, R, T + 1] -> [N, R], the
        lower the better; `updates_to_settle` and `updates_below` are such scores.
      noise: added to the gradients, the same at all rates, [N, T, D] or what broadcasts
        to it.

    Returns:
      What every rate achieves, and so the best.

    Raises:
      ValueError: shapes do not fit, or there are no steps.

    Example:
      >>> import optax
      >>> from lec7 import problems
      >>> shells = problems.shells.draw((0, 1), low=10, high=100)
      >>> tuned = tune(optax.sgd, shells, 50, rates=[1e-3, 1e-2, 1.0],
      ...              score=lambda losses: losses[..., -1])
      >>> tuned.best
      array([0.01, 0.01])
    """
    rates = np.asarray(rates, float)
    every, size = losses.repeat(len(rates)), len(rates)
    if noise is not None:
        shape = (len(losses.starts), steps, losses.starts.shape[1])
        noise = np.repeat(np.broadcast_to(noise, shape), size, axis=0)
    given = _checked(every, steps, np.tile(rates, len(losses.starts)), noise)
    with jax.enable_x64():
        found = jax.device_get(_losses(make_rule, losses.function, steps, *given))
    return Tuned(rates, np.asarray(score(found.reshape(-1, size, steps + 1)), float))


def draw_noise(
    seeds: Sequence[int | Sequence[int]], steps: int, dimension: int, *, scale: float
) -> np.ndarray:
    """Draw Gaussian noise of gradients.

    Args:
      seeds: one for each loss [N].
      steps: T.
      dimension: D.
      scale: standard deviation of each coordinate.

    Returns:
      Independent draws [N, T, D], those of a seed the same beside all others.
    """
    size = (steps, dimension)
    drawn = [np.random.default_rng(seed).normal(size=size) for seed in seeds]
    return scale * np.stack(drawn)


def _checked(losses, steps, rates, noise):
    # Members, starts [N, D], rates [N] and noise [N, T, D], if they fit.
    starts = np.asarray(losses.starts, float)
    if starts.ndim != 2 or steps < 1:
        raise ValueError(
            f"starts have shape {starts.shape} and steps is {steps}; expected [N, D] "
            "and at least 1"
        )
    count, dimension = starts.shape
    for leaf in jax.tree.leaves(losses.members):
        if np.shape(leaf)[:1] != (count,):
            raise ValueError(
                f"members have an array of shape {np.shape(leaf)}; expected a leading "
                f"axis of {count}, one for each start"
            )
    if rates is not None:
        rates = np.broadcast_to(np.asarray(rates, float), count)
    if noise is not None:
        noise = np.broadcast_to(np.asarray(noise, float), (count, steps, dimension))
    return losses.members, starts, rates, noise


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _descend(rule, function, steps, members, starts, rates, noise):
    def one(member, start, rate, noise):
        alone = function if members is None else functools.partial(function, member)
        return _trace(rule if rate is None else rule(rate), alone, start, steps, noise)

    return jax.vmap(one)(members, starts, rates, noise)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _losses(rule, function, steps, *given):
    return _descend(rule, function, steps, *given).losses


def _trace(rule, function, start, steps, noise):
    """Return the path of a rule on a function [D] -> [], with noise [T, D] or None."""
    rule = optax.with_extra_args_support(rule)

    def step(carry, noise):
        x, state = carry

        def noisy(x):
            return function(x) + (0 if noise is None else jnp.dot(noise, x))

        value, grad = jax.value_and_grad(noisy)(x)
        updates, state = rule.update(
            grad,
            state,
            x,
            value=value,
            grad=grad,
            value_fn=noisy,
            grad_fn=jax.grad(noisy),
        )
        carry = optax.apply_updates(x, updates), state
        return carry, seen(*carry)

    def seen(x, state):
        return Path(x, function(x), _remembered(state, x.shape))

    first = start, rule.init(start)
    _, path = jax.lax.scan(step, first, noise, length=steps)
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), seen(*first), path)


def _remembered(state, shape):
    """Return the parts of a rule's state that are like the parameters, by name."""
    found = {}
    for path, leaf in jax.tree.leaves_with_path(state):
        names = [key.name for key in path if hasattr(key, "name")]
        if names and jnp.shape(leaf) == shape:
            name = _READABLE.get(names[-1], names[-1].replace("_", " "))
            found[name if name not in found else f"{name} {len(found) + 1}"] = leaf
    return found


def _finite(scores):
    return np.where(np.isfinite(scores), scores, np.inf)
