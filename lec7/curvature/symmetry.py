"""Whether an operator is one symmetric linear map, and the same on every call."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7.curvature import floating


def verify(op: Callable[[Any], Any]) -> None:
    """Probe an operator with two random vectors, by three products.

    u^T A v = v^T A u, and A u = A u when it is computed again: what the Lanczos process
    and every estimate here take for granted, to the square root of the rounding unit.

    Args:
      op: an operator on pytrees like `op.params`.

    Raises:
      ValueError: a product is not finite or differs from call to call, or the operator
        is not symmetric.
    """
    rng = np.random.default_rng(0)
    u, v = (
        jax.tree.map(
            lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), op.params
        )
        for _ in range(2)
    )
    first, again, other = op(u), op(u), op(v)
    length = float(floating.norm(first))
    unit = float(jnp.finfo(jnp.result_type(*jax.tree.leaves(first))).eps) ** 0.5
    moved = float(floating.norm(optax.tree.sub(first, again)))
    if not jnp.isfinite(length + moved):
        raise ValueError(
            "a product of the operator is not finite: are the loss and its first two "
            "derivatives finite at these parameters?"
        )
    if moved > unit * length:
        raise ValueError(
            f"two products of one vector differ by {moved / length:.1e} of their "
            "length: does the loader shuffle or augment anew on every pass, or the "
            "loss draw new noise? Fix the order of the data, and bind one dropout key"
        )
    left, right = float(optax.tree.vdot(v, first)), float(optax.tree.vdot(u, other))
    size = float(floating.norm(v)) * length
    if abs(left - right) > unit * size:
        raise ValueError(
            f"the operator is not symmetric: v.Au = {left:.6g} and u.Av = {right:.6g}. "
            "Does the loss draw a new dropout key for each call, keep BatchNorm in "
            "train mode, or define a derivative of its own? Bind one key, and use the "
            "running statistics"
        )
