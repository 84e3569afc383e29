"""Curvature in the metric of an adaptive update rule."""

import dataclasses
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7.curvature import operators

SECOND_MOMENTS = ("nu_max", "nu", "second", "mean_square", "sum_of_squares")


def preconditioner(
    opt_state: Any, *, b2: float | None, eps: float, eps_in_sqrt: bool = False
) -> chex.ArrayTree:
    """Return the diagonal that an adaptive rule divides its update by.

    P = sqrt(vh) + eps with vh = v / (1 - b2^t), or sqrt(vh + eps). The second moment v
    is found in any state, however deeply chained, that has exactly one: of optax's
    `scale_by_adam`, `scale_by_amsgrad`, `scale_by_rms`, `scale_by_rss` and what is made
    of them, and of `lec7.update_rules`. The state does not hold b2 and eps: they must
    be those of the rule. A rule that is centred, dividing by a standard deviation, has
    another denominator.

    Args:
      opt_state: the state of the rule, after t >= 1 updates.
      b2: decay of the second moment where the rule corrects its bias, as Adam does;
        None where it does not, as RMSProp and AdaGrad.
      eps: of the rule.
      eps_in_sqrt: whether the rule adds it to the second moment, not to its root.

    Returns:
      P, a pytree like the parameters.

    Raises:
      ValueError: the state holds no second moment, or several, or no update was made
        where the bias is to be corrected.

    Example:
      >>> rule = optax.adam(0.1, b2=0.999, eps=1e-8)
      >>> state = rule.update(jnp.array([2.0, -4.0]), rule.init(jnp.zeros(2)))[1]
      >>> preconditioner(state, b2=0.999, eps=1e-8).round(3)
      Array([2., 4.], dtype=float32)

    References:
      Cohen et al. 2022, Adaptive gradient methods at the edge of stability,
      arXiv:2207.14484, section 2.
    """
    nodes = jax.tree.leaves(opt_state, is_leaf=lambda node: _field(node) is not None)
    found = [node for node in nodes if _field(node)]
    if len(found) != 1:
        raise ValueError(
            f"the optimiser's state holds {len(found)} second moments; expected one, "
            f"in a field named one of {', '.join(SECOND_MOMENTS)}"
        )
    moment = getattr(found[0], _field(found[0]))
    if b2 is not None:
        moment = optax.tree.scale(1 / _total_weight(found[0], b2), moment)
    if eps_in_sqrt:
        return jax.tree.map(lambda v: jnp.sqrt(v + eps), moment)
    return jax.tree.map(lambda v: jnp.sqrt(v) + eps, moment)


def precondition(
    op: operators.Operator, diagonal: chex.ArrayTree
) -> operators.Operator:
    """Return P^-1/2 A P^-1/2, symmetric and with the eigenvalues of P^-1 A.

    Its largest eigenvalue decides whether x <- x - a P^-1 g is stable, as that of A
    decides for x <- x - a g.

    Args:
      op: A, on pytrees like `op.params`.
      diagonal: P > 0, a pytree like `op.params`, such as `preconditioner` returns. An
        eigenvector u of the result is P^-1/2 u as a direction in the parameters.

    Returns:
      The operator.

    Raises:
      ValueError: the diagonal is not a tree like the parameters, or not positive.

    Example:
      >>> from lec7.curvature import hessians
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2) / 2
      >>> op = hessians.hessian(loss_fn, jnp.ones(2), [jnp.array([[1.0, 12.0]])])
      >>> precondition(op, jnp.array([1.0, 4.0])).to_dense().tolist()
      [[1.0, 0.0], [0.0, 3.0]]
    """
    operators.require_like(diagonal, op.params, "the diagonal")
    for path, leaf in jax.tree.leaves_with_path(diagonal):
        if not jnp.all(leaf > 0):
            raise ValueError(
                f"the diagonal{jax.tree_util.keystr(path)} has {jnp.min(leaf)}; "
                "expected numbers > 0: has the rule seen a gradient there, and is eps "
                "> 0?"
            )
    roots = jax.tree.map(
        lambda d, p: (1 / jnp.sqrt(d)).astype(p.dtype), diagonal, op.params
    )
    product = jax.tree_util.Partial(_product, op.product, roots)
    return dataclasses.replace(op, product=product)


def _product(
    product: Any, roots: Any, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    inner = product(params, optax.tree.mul(roots, v), batch)
    return optax.tree.mul(roots, inner)


def _field(node: Any) -> str | None:
    """Return the name of the field that is a second moment, if there is one."""
    names = getattr(node, "_fields", ())
    return next((name for name in SECOND_MOMENTS if name in names), None)


def _total_weight(node: Any, b2: float) -> np.ndarray:
    count = np.asarray(getattr(node, "count", 0))
    if not (count > 0).all():
        raise ValueError(
            f"b2 = {b2} corrects a bias by the number of updates, and the state has "
            f"counted {count}: give b2=None for a rule without the correction"
        )
    return 1 - b2**count
