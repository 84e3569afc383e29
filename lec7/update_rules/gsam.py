"""GSAM: SAM that also narrows the gap between the loss and the worst one nearby."""

import jax
import jax.numpy as jnp
import optax

from lec7.update_rules import hyperparameters, perturbation


def gsam(
    base: optax.GradientTransformation,
    *,
    rho: optax.ScalarOrSchedule = 0.05,
    alpha: jax.typing.ArrayLike = 0.2,
    adaptive: bool = False,
    eta: jax.typing.ArrayLike = 0.0,
    adapt_biases: bool = True,
    steepest: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Descend with `base` by SAM's gradient, less a share of what is orthogonal to it.

      g_p = grad L(w + e)     u = g_p / ||g_p||     h = g - <g, u> u
      the base descends by g_p - alpha h

    The step along h leaves the perturbed loss as it is to first order and raises the
    loss at w, so that the gap between the two narrows. With alpha = 0 it is
    `sharpness_aware`, where e, the options of its form and the use of `grad_fn` are
    told; a perturbed gradient of exactly zero is orthogonal to nothing, and h = g.

    | equal to | rho | adaptive | steepest |
    |---|---|---|---|
    | Algorithm 1 of the paper | `gsam_radius(...)` | False | |
    | big_vision, `adaptive_perturbation` | `gsam_radius(...)` | True | False |
    | juntang-zhuang/GSAM (torch), `adaptive=True` | any | True | True |

    Args:
      base: the rule that descends, as `momentum(0.1)`.
      rho: radius, a finite number >= 0 or a schedule.
      alpha: how much of h is taken away, a finite number >= 0.
      adaptive: see `sharpness_aware`.
      eta: see `sharpness_aware`.
      adapt_biases: see `sharpness_aware`.
      steepest: see `sharpness_aware`.

    Returns:
      The update rule; `update` raises `ValueError` without `params` and `grad_fn`.

    Raises:
      ValueError: rho, alpha or eta is out of range.

    Example:
      >>> rule = gsam(optax.sgd(1.0), rho=5.0, alpha=0.5)
      >>> grad_fn = lambda w: jnp.array([3.0 - w[0], w[1]])
      >>> w = jnp.array([0.0, 4.0])
      >>> updates, state = rule.update(grad_fn(w), rule.init(w), w, grad_fn=grad_fn)
      >>> updates
      Array([ 1.5, -8. ], dtype=float32)

    References:
      Zhuang et al. 2022, arXiv:2203.08065, algorithm 1.
    """
    alpha = hyperparameters.non_negative("alpha", alpha)
    ascend = perturbation.ascent(
        adaptive=adaptive, eta=eta, adapt_biases=adapt_biases, steepest=steepest
    )

    def gradient_at(params, gradient, grad_fn, rho):
        perturbed = grad_fn(ascend(params, gradient, rho))
        along = perturbation.unit(perturbed)
        share = jnp.real(optax.tree.vdot(along, gradient))
        orthogonal = optax.tree.add_scale(gradient, -share, along)
        return optax.tree.add_scale(perturbed, -alpha, orthogonal)

    return perturbation.descend(base, gradient_at, rho=rho)


def gsam_radius(
    learning_rate: optax.Schedule,
    *,
    lr_min: float,
    lr_max: float,
    rho_min: float,
    rho_max: float,
) -> optax.Schedule:
    """Return a radius that falls with the learning rate.

    rho_t = rho_min + (rho_max - rho_min) (a_t - lr_min) / (lr_max - lr_min), which the
    authors leave unbounded and which is kept within its two ends here, as it turns
    negative early in a warm-up.

    Args:
      learning_rate: step -> a_t, the schedule that the base descends at.
      lr_min: the rate at which the radius is `rho_min`.
      lr_max: the rate at which the radius is `rho_max`, greater than `lr_min`.
      rho_min: least radius, >= 0.
      rho_max: greatest radius, no less than `rho_min`.

    Returns:
      The schedule, step -> rho.

    Raises:
      ValueError: the rates are not lr_min < lr_max or the radii not
        0 <= rho_min <= rho_max.

    Example:
      >>> rate = optax.linear_schedule(0.5, 0.0, 10)
      >>> radius = gsam_radius(rate, lr_min=0.0, lr_max=0.5, rho_min=0.1, rho_max=0.5)
      >>> [round(float(radius(step)), 2) for step in (0, 5, 10)]
      [0.5, 0.3, 0.1]
    """
    if not lr_min < lr_max:
        raise ValueError(
            f"lr_min is {lr_min} and lr_max {lr_max}; expected lr_min < lr_max: for a "
            "constant rate give a number as rho"
        )
    if not 0 <= rho_min <= rho_max:
        raise ValueError(
            f"rho_min is {rho_min} and rho_max {rho_max}; expected "
            "0 <= rho_min <= rho_max"
        )

    def radius(step):
        share = (learning_rate(step) - lr_min) / (lr_max - lr_min)
        return rho_min + (rho_max - rho_min) * jnp.clip(share, 0, 1)

    return radius
