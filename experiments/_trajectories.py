"""What our update rules do on a loss of few parameters, step by step, in float64."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from lec7 import update_rules

Function = Callable[[jax.Array], jax.Array]
MakeRule = Callable[[jax.Array], optax.GradientTransformation]

# The rules of first order, each by its learning rate alone.
RULES: Mapping[str, MakeRule] = {
    "SGD": update_rules.sgd,
    "momentum": update_rules.momentum,
    "Nesterov": update_rules.nesterov,
    "AdaGrad": update_rules.adagrad,
    "RMSProp": update_rules.rmsprop,
    "Adam": update_rules.adam,
}
_READABLE = {"first": "first moment", "second": "second moment"}


class Path(NamedTuple):
    """T updates from a start; many starts add leading axes to every array."""

    points: np.ndarray
    """[T + 1, D], the start first."""
    losses: np.ndarray
    """[T + 1], without noise."""
    state: Mapping[str, np.ndarray]
    """What the rule remembers of each coordinate, by name -> [T + 1, D]."""


def trace(
    rule: optax.GradientTransformation,
    function: Function,
    start: ArrayLike,
    noise: ArrayLike,
) -> Path:
    """Follow one rule from one start; a pure function, to be jitted and mapped.

    In step t the rule sees f(x) + n_t . x, whose gradient is off by n_t wherever the
    rule looks. It is given what `train.make_step` gives it.

    Args:
      rule: the update rule.
      function: f, [D] -> [].
      start: [D].
      noise: n [T, D], added to the gradients.

    Returns:
      The path.
    """
    rule = optax.with_extra_args_support(rule)
    start = jnp.asarray(start, float)

    def step(carry, noise):
        x, state = carry

        def noisy(x):
            return function(x) + jnp.dot(noise, x)

        value, grad = jax.value_and_grad(noisy)(x)
        updates, state = rule.update(
            *(grad, state, x),
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
    _, path = jax.lax.scan(step, first, noise)
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), seen(*first), path)


def run(
    rule: optax.GradientTransformation,
    function: Function,
    starts: ArrayLike,
    steps: int,
    *,
    noise: float = 0.0,
    seeds: Sequence[int] | None = None,
) -> Path:
    """Follow one rule from many starts.

    Args:
      rule: the update rule.
      function: f, [D] -> [].
      starts: [N, D].
      steps: T.
      noise: standard deviation of each coordinate of the gradient.
      seeds: [N], for the noise of each start; 0, 1, ... unless given.

    Returns:
      The paths, every array with a leading axis [N].
    """
    noise = _draw(noise, starts, steps, seeds)
    with jax.enable_x64():
        follow = jax.jit(jax.vmap(lambda *given: trace(rule, function, *given)))
        return jax.device_get(follow(np.asarray(starts, float), noise))


def tune(
    make_rule: MakeRule,
    function: Function,
    starts: ArrayLike,
    steps: int,
    rates: ArrayLike,
    *,
    noise: float = 0.0,
    seeds: Sequence[int] | None = None,
) -> float:
    """Return the rate that ends lowest, of as many as every rule is given.

    Args:
      make_rule: rate -> rule.
      function: f, [D] -> [].
      starts: [N, D].
      steps: T.
      rates: [R], the budget.
      noise: standard deviation of each coordinate of the gradient.
      seeds: [N], for the noise of each start; 0, 1, ... unless given.

    Returns:
      The rate whose mean loss over the starts, after the last step, is the least.
    """
    rates, starts = np.asarray(rates, float), np.asarray(starts, float)
    noise = _draw(noise, starts, steps, seeds)

    def final(rate, start, noise):
        return trace(make_rule(rate), function, start, noise).losses[-1]

    with jax.enable_x64():
        over_starts = jax.vmap(final, in_axes=(None, 0, 0))
        over_rates = jax.jit(jax.vmap(over_starts, in_axes=(0, None, None)))
        losses = jax.device_get(over_rates(rates, starts, noise))
    means = losses.mean(axis=1)
    return float(rates[np.argmin(np.where(np.isfinite(means), means, np.inf))])


def _draw(
    scale: float, starts: ArrayLike, steps: int, seeds: Sequence[int] | None
) -> np.ndarray:
    """Return the noise of T steps from each of N starts, [N, T, D]."""
    seeds = range(len(starts)) if seeds is None else seeds
    size = (steps, np.shape(starts)[1])
    return scale * np.stack([np.random.default_rng(s).normal(size=size) for s in seeds])


def _remembered(state: Any, shape: tuple[int, ...]) -> dict[str, jax.Array]:
    """Return the parts of an optimiser's state that are like the parameters."""
    found = {}
    for path, leaf in jax.tree.leaves_with_path(state):
        names = [key.name for key in path if hasattr(key, "name")]
        if names and jnp.shape(leaf) == shape:
            name = _READABLE.get(names[-1], names[-1].replace("_", " "))
            found[name if name not in found else f"{name} {len(found) + 1}"] = leaf
    return found
