"""A step up before the step down: what SAM, ASAM and GSAM share.

To first order the loss around the parameters is highest where the gradient points, and
each of these rules descends by a gradient that it takes there.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lec7 import parameter_paths
from lec7.update_rules import hyperparameters, precision

GradFn = Callable[[optax.Params], optax.Updates]
Ascent = Callable[[optax.Params, optax.Updates, jax.typing.ArrayLike], optax.Params]
GradientAt = Callable[
    [optax.Params, optax.Updates, GradFn, jax.typing.ArrayLike], optax.Updates
]


class PerturbedState(NamedTuple):
    """What a rule remembers that descends by another point's gradient."""

    count: jax.Array  # steps taken, int32 []
    base: optax.OptState  # of the rule that descends


def descend(
    base: optax.GradientTransformation,
    gradient_at: GradientAt,
    *,
    rho: optax.ScalarOrSchedule,
) -> optax.GradientTransformationExtraArgs:
    """Return a rule with another gradient than the one at the parameters.

    `gradient_at` is (params, gradient there, grad_fn, rho) -> gradient to descend by.
    Its `update` takes `grad_fn`, from parameters to gradient; and, for m-sharpness,
    `over_sub_batches`, which calls a function of (gradient, grad_fn) with those of each
    sub-batch and returns the mean of the results. The base in turn is given a `grad_fn`
    that perturbs, so that it may look ahead itself.

    Raises:
      ValueError: rho is negative; in `update`, params or grad_fn is missing.
    """
    base = optax.with_extra_args_support(base)
    if not callable(rho):
        rho = hyperparameters.non_negative("rho", rho)

    def init_fn(params):
        return PerturbedState(jnp.zeros([], jnp.int32), base.init(params))

    def update_fn(
        updates, state, params=None, *, grad_fn=None, over_sub_batches=None, **extra
    ):
        if params is None or grad_fn is None:
            raise ValueError(
                "a sharpness-aware rule takes a second gradient: call "
                "update(updates, state, params, grad_fn=...), params -> gradient"
            )
        radius = rho(state.count) if callable(rho) else rho
        over = over_sub_batches or (lambda function: function(updates, grad_fn))

        def at(point, gradient, grad_fn):
            def widened(x):
                return precision.at_least_float32(grad_fn(x))

            gradient = precision.at_least_float32(gradient)
            return gradient_at(point, gradient, widened, radius)

        def elsewhere(point):
            return over(lambda _, grad_fn: at(point, grad_fn(point), grad_fn))

        here = over(lambda gradient, grad_fn: at(params, gradient, grad_fn))
        updates, base_state = base.update(
            here, state.base, params, grad_fn=elsewhere, **extra
        )
        return updates, PerturbedState(optax.safe_increment(state.count), base_state)

    return precision.keep_dtypes(
        optax.GradientTransformationExtraArgs(init_fn, update_fn)
    )


def ascent(
    *, adaptive: bool, eta: jax.typing.ArrayLike, adapt_biases: bool, steepest: bool
) -> Ascent:
    """Return the step up, (w, g, rho) -> w + e with ||e / T|| = rho.

    e = rho T u, with u the unit vector along T g if `steepest`, which is where <g, e>
    is greatest, and else along g. T = |w| + eta if `adaptive`, for biases too if
    `adapt_biases`, and 1 otherwise. Where g is exactly zero, so is e.
    """
    eta = hyperparameters.non_negative("eta", eta)

    def size(path, w):
        if not adaptive or (_names_a_bias(path) and not adapt_biases):
            return jnp.ones([], jnp.real(w).dtype)
        return jnp.abs(w) + eta

    def ascend(params, gradient, rho):
        weights = precision.at_least_float32(params)
        sizes = jax.tree_util.tree_map_with_path(size, weights)
        direction = unit(optax.tree.mul(sizes, gradient) if steepest else gradient)
        step = optax.tree.scale(rho, optax.tree.mul(sizes, direction))
        return optax.tree.add(weights, step)

    return ascend


def unit(tree: optax.Updates) -> optax.Updates:
    """Return the vector of length 1 along `tree`; of exactly zero, zero."""
    # Divided by its largest entry first, as the square of a tiny one may be zero.
    largest = optax.tree.norm(tree, ord=jnp.inf)
    divisor = jnp.where(largest > 0, largest, 1)
    scaled = jax.tree.map(lambda x: x / divisor, tree)
    length = jnp.maximum(optax.tree.norm(scaled), 1)
    return jax.tree.map(lambda x: x / length, scaled)


def _names_a_bias(path):
    name = parameter_paths.written(path).rsplit("/", 1)[-1]
    return name in ("bias", "b")
