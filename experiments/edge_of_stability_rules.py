"""The largest curvature that an update rule can bear on a quadratic.

That of SAM depends on the gradient. Along an eigenvector of the curvature h let the
gradient g have the component h x. At w + rho g / |g| the component is

    h (x + rho h x / |g|) = h (1 + rho h / |g|) x,

so an update multiplies x by 1 - a h (1 + rho h / |g|). It grows where that is below -1,
or a rho h^2 + a |g| h - 2 |g| > 0, whose positive root is the limit:

    h = (|g| / 2 rho) (sqrt(1 + 8 rho / (a |g|)) - 1)  ->  2 / a  as rho -> 0.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import optax

from lec7 import update_rules

DESCENT, ADAPTIVE, SAM, FLOW = "gradient descent", "Adam", "SAM", "gradient flow"
COHEN = "Cohen et al. 2021, arXiv:2103.00065"
BAND = (0.9, 1.1)  # of the late top eigenvalue over its limit, to count as near
EPS, B2 = 1e-8, 0.999  # of Adam
# The z > 0 at which 1 - z + z^2 / 2 - z^3 / 6 + z^4 / 24 is 1 again.
RUNGE_KUTTA = 2.785293563405282


class Constants(NamedTuple):
    """What rules have beside a learning rate."""

    decay: float = 0.9
    """b, of momentum, also Adam's."""
    rho: float = 0.02
    """The radius of SAM."""


class Rule(NamedTuple):
    """A rule with the limit that its dynamics on a quadratic set."""

    make: Callable[..., optax.GradientTransformation]
    """learning_rate, constants -> the rule."""
    limit: Callable[..., float | np.ndarray]
    """learning_rate, constants, gradient norm -> the largest stable eigenvalue."""
    formula: str
    source: str = COHEN
    control: bool = False
    """Whether the limit is meant to stay out of reach."""

    @property
    def adaptive(self) -> bool:
        """Whether the limit holds for the Hessian in the metric of Adam."""
        return self is RULES[ADAPTIVE]


def sam_limit(
    learning_rate: float, rho: float, gradient_norm: float | np.ndarray
) -> float | np.ndarray:
    """Return the largest curvature that SAM can bear, the edge of Long and Bartlett.

    Written so that it keeps its digits as rho or the norm goes to zero.
    """
    growth = np.sqrt(1 + 8 * rho / (learning_rate * gradient_norm))
    return 4 / (learning_rate * (1 + growth))


def runge_kutta(learning_rate: float) -> optax.GradientTransformationExtraArgs:
    """Follow the gradient flow dw/dt = -g(w) by the classical method of fourth order.

    An update is a step of the length `learning_rate` in t, and calls `grad_fn` thrice.
    """

    def update(gradient, state, params=None, *, grad_fn, **extra):
        del extra
        slopes = [gradient]
        for share in (0.5, 0.5, 1.0):
            there = optax.tree.add_scale(params, -share * learning_rate, slopes[-1])
            slopes.append(grad_fn(there))
        mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, *slopes)
        return optax.tree.scale(-learning_rate, mean), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


RULES = {
    DESCENT: Rule(
        lambda learning_rate, constants: update_rules.sgd(learning_rate),
        lambda a, constants, norm: 2 / a,
        "2 / a",
    ),
    "heavy ball": Rule(
        lambda learning_rate, constants: update_rules.momentum(
            learning_rate, decay=constants.decay
        ),
        lambda a, constants, norm: (2 + 2 * constants.decay) / a,
        "(2 + 2b) / a",
    ),
    "Nesterov": Rule(
        lambda learning_rate, constants: update_rules.nesterov(
            learning_rate, decay=constants.decay
        ),
        lambda a, constants, norm: (
            (2 + 2 * constants.decay) / (1 + 2 * constants.decay) / a
        ),
        "(2 + 2b) / ((1 + 2b) a)",
    ),
    ADAPTIVE: Rule(
        lambda learning_rate, constants: update_rules.adam(
            learning_rate, b1=constants.decay, b2=B2, eps=EPS
        ),
        lambda a, constants, norm: (
            (2 + 2 * constants.decay) / (1 - constants.decay) / a
        ),
        "(2 + 2b) / ((1 - b) a), of P⁻¹ H",
        "Cohen et al. 2022, arXiv:2207.14484",
    ),
    SAM: Rule(
        lambda learning_rate, constants: update_rules.sharpness_aware(
            update_rules.sgd(learning_rate), rho=constants.rho
        ),
        lambda a, constants, norm: sam_limit(a, constants.rho, norm),
        "(|g| / 2r) (sqrt(1 + 8r / (a |g|)) - 1)",
        "Long and Bartlett 2024, arXiv:2309.12488",
    ),
    FLOW: Rule(
        lambda learning_rate, constants: runge_kutta(learning_rate),
        lambda a, constants, norm: RUNGE_KUTTA / a,
        "2.785 / a",
        control=True,
    ),
}
