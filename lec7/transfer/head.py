"""A new head on a trained network."""

import functools
from typing import Any

import jax
import numpy as np

from lec7 import parameter_paths


def replace_head(
    pretrained: Any, fresh: Any, *, head: str = parameter_paths.HEAD
) -> Any:
    """Take the head from one tree and all else from another.

    The trees may be parameters, the variables of a network, or whole training states:
    in a state the path of what an update rule remembers of a parameter ends with the
    path of that parameter, so the head's momentum and second moment are new as well,
    and the body's are kept. So are counts that the two share: Adam's bias correction
    goes on where it was, and with a new second moment the head's first steps are those
    of Adam without it, 3.2 times as large. To restart the count too, give the head a
    rule of its own, `optax.partition({"head": ..., "body": ...}, ...)`, whose state
    lies below that name.

    Args:
      pretrained: the tree to keep, with the old head.
      fresh: a tree of the same structure, as initialised for the new head, whose head
        may have other shapes.
      head: regular expression on the path of a leaf.

    Returns:
      A tree of the same structure.

    Raises:
      ValueError: the pattern matches no leaf, the trees differ in structure, or a leaf
        that is kept has another shape than in `fresh`.

    Example:
      >>> import numpy as np
      >>> old = {"body": {"bias": np.ones(2)}, "head": {"bias": np.ones(26)}}
      >>> new = {"body": {"bias": np.zeros(2)}, "head": {"bias": np.zeros(10)}}
      >>> tuned = replace_head(old, new)
      >>> tuned["body"]["bias"], tuned["head"]["bias"].shape
      (array([1., 1.]), (10,))
    """
    old, kept, _ = parameter_paths.flatten(pretrained)
    new, initial, structure = parameter_paths.flatten(fresh)
    if old != new:
        differing = sorted(set(old) ^ set(new))
        raise ValueError(
            f"the trees differ in {', '.join(differing)}; expected the same network "
            "and update rule but for the shapes of the head"
        )
    is_head = jax.tree.leaves(parameter_paths.matches(fresh, head))
    chosen = map(functools.partial(_chosen, head), new, is_head, kept, initial)
    return structure.unflatten(chosen)


def _chosen(head: str, path: str, is_head: bool, kept: Any, initial: Any) -> Any:
    """Return one of two leaves.

    Raises:
      ValueError: what is kept has another shape than what is new.
    """
    if is_head:
        return initial
    if np.shape(kept) != np.shape(initial):
        raise ValueError(
            f"{path} has the shape {np.shape(kept)} in the trained network and "
            f"{np.shape(initial)} in the new one; expected equal ones, or a pattern "
            f"other than {head!r} for the head"
        )
    return kept
