"""SAM and ASAM: descend by the gradient at the worst point of a small ball."""

import jax
import optax

from lec7.update_rules import perturbation


def sharpness_aware(
    base: optax.GradientTransformation,
    *,
    rho: optax.ScalarOrSchedule = 0.05,
    adaptive: bool = False,
    eta: jax.typing.ArrayLike = 0.0,
    adapt_biases: bool = True,
    steepest: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Descend with `base` by the gradient at w + e, where the loss is higher.

      SAM     e = rho g / ||g||          to first order the worst of ||e|| <= rho
      ASAM    e = rho T^2 g / ||T g||    the worst of ||e / T|| <= rho, T = |w| + eta

    The norm is over all parameters, and e is not differentiated. Of half precision,
    which would round it away, w + e is float32. Where layers are
    rescaled so that the network's function stays, w <- c w and w' <- w' / c in the
    next, ASAM's w + e is rescaled with them if eta = 0 and biases are adapted or none.

    `update` takes `grad_fn`, from parameters to gradient, and calls it once. It must be
    of the batch and the noise that `updates` is of, as `train.make_step` gives it;
    there, `m` gives m-sharpness, an e for every m examples. The base sees the gradient
    at w + e and the parameters w: clipping, averaging and decoupled decay belong in it,
    while L2 in the loss enters both gradients. A mask also belongs in the base, lest
    `grad_fn` see masked parameters; and so does `optax.apply_if_finite`, which around
    this rule would test the gradient at w alone. Around `optax.MultiSteps`, as its
    `gradient_transformation()`, every accumulated batch has its own e; inside, the
    `grad_fn` of the call that ends a cycle must stand for all.

    | equal to | adaptive | eta | adapt_biases | steepest |
    |---|---|---|---|---|
    | google-research/sam, davda54/sam | False | | | |
    | `optax.contrib.sam`, opaque, by `normalize` and `sgd(rho)` | False | | | |
    | davda54/sam, `adaptive=True` | True | 0 | True | True |
    | SamsungLabs/ASAM, rho = .5 | True | .01 | False | True |
    | SamsungLabs/ASAM, its script for CIFAR | True | 0 | False | True |
    | big_vision, `adaptive_perturbation` | True | 0 | True | False |

    These divide a gradient of zero by zero, or by 1e-12 or 1e-16 more than its norm;
    here its e is zero. The last takes e = rho T g / ||g||, on the edge of the ellipsoid
    though not its worst point, so its rho is not comparable.

    Args:
      base: the rule that descends, as `momentum(0.1)`.
      rho: radius, L2 distance in parameter space, or relative to T; a finite number
        >= 0 or a schedule. 0 is the base alone.
      adaptive: whether the distance is relative to T.
      eta: for the adaptive form, what T is at a weight of zero, >= 0.
      adapt_biases: for the adaptive form, whether leaves named `bias`, or `b` as in
        Haiku, have T as others do, or T = 1.
      steepest: for the adaptive form, whether e is the worst point of the ellipsoid.

    Returns:
      The update rule; `update` raises `ValueError` without `params` and `grad_fn`.

    Raises:
      ValueError: rho or eta is out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = sharpness_aware(optax.sgd(0.5), rho=5.0)
      >>> grad_fn = lambda w: 2 * w
      >>> w = jnp.array([3.0, 4.0])
      >>> updates, state = rule.update(grad_fn(w), rule.init(w), w, grad_fn=grad_fn)
      >>> updates
      Array([-6., -8.], dtype=float32)

    References:
      Foret et al. 2021, arXiv:2010.01412, eq. 2 and 3; Kwon et al. 2021,
      arXiv:2102.11600, eq. 6, whose authors adapt no biases.
    """
    ascend = perturbation.ascent(
        adaptive=adaptive, eta=eta, adapt_biases=adapt_biases, steepest=steepest
    )

    def gradient_at(params, gradient, grad_fn, rho):
        return grad_fn(ascend(params, gradient, rho))

    return perturbation.descend(base, gradient_at, rho=rho)
