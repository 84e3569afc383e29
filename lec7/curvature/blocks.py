"""The part of an operator that belongs to some of the parameters."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import chex
import jax
import jax.numpy as jnp

from lec7 import parameter_paths
from lec7.curvature import operators


def block(op: operators.Operator, pattern: str) -> operators.Operator:
    """Return the diagonal block of the parameters whose path matches.

    A_SS v_S = (A v)_S for the vector v that is v_S on the matching parameters, S, and
    zero on all others.

    Args:
      op: an operator on pytrees like `op.params`.
      pattern: regular expression, searched for in paths like "params/Dense_0/kernel".

    Returns:
      The operator on mappings from path to array.

    Raises:
      ValueError: no path matches, or the pattern is not a regular expression.

    Example:
      >>> import jax.numpy as jnp
      >>> from lec7.curvature import hessians
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch) * params["a"].sum() ** 2 * params["b"].sum()
      >>> params = {"a": jnp.ones(2), "b": jnp.ones(1)}
      >>> op = block(hessians.hessian(loss_fn, params, [jnp.ones(4)]), "^a$")
      >>> op.size, op.to_dense().tolist()
      (2, [[2.0, 2.0], [2.0, 2.0]])
    """
    leaves = _by_path(op.params)
    matches = parameter_paths.search(pattern, leaves)
    chosen = dict(itertools.compress(leaves.items(), matches))
    product = jax.tree_util.Partial(_product, op.product, op.params)
    return dataclasses.replace(op, product=product, params=chosen)


def _product(
    product: Any, whole: Any, params: Any, v: Any, batch: Any
) -> dict[str, jax.Array]:
    zeros = jax.tree.map(jnp.zeros_like, whole)
    result = _by_path(product(_replace(whole, params), _replace(zeros, v), batch))
    return {path: result[path] for path in v}


def _by_path(tree: chex.ArrayTree) -> dict[str, jax.Array]:
    paths, leaves, _ = parameter_paths.flatten(tree)
    return dict(zip(paths, leaves, strict=True))


def _replace(tree: chex.ArrayTree, leaves: Mapping[str, jax.Array]) -> chex.ArrayTree:
    merged = _by_path(tree) | dict(leaves)
    return jax.tree.unflatten(jax.tree.structure(tree), merged.values())
