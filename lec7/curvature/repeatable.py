"""Whether batches can be walked again and again, as a mean over them is taken."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np


def sequence(batches: Iterable[chex.ArrayTree]) -> Iterable[chex.ArrayTree]:
    """Return batches as they are, if they can be walked more than once.

    Raises:
      ValueError: it is a single batch, no batches, or can be walked only once.
    """
    if _is_one_batch(batches):
        shapes = ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in batches)
        raise ValueError(
            f"batches is a {type(batches).__name__} of the arrays {shapes}; expected a "
            "sequence of batches: put a single batch (x, y) into a list, [(x, y)]"
        )
    if isinstance(batches, Mapping):
        raise ValueError(
            f"batches is one mapping with the keys {sorted(batches)}; expected a "
            "sequence of batches: put a single batch into a list"
        )
    if hasattr(batches, "shape"):
        raise ValueError(
            f"batches is one array of the shape {batches.shape}; expected a sequence "
            "of batches: put a single batch into a list"
        )
    if not isinstance(batches, Iterable):
        raise ValueError(
            f"batches is {batches!r}; expected a sequence of batches, each a pytree "
            "whose arrays have the examples in their first axis"
        )
    if isinstance(batches, Iterator):
        raise ValueError(
            f"batches is a {type(batches).__name__}, which can be walked only once; "
            "expected a list, or an object whose __iter__ starts the same pass anew"
        )
    return batches


def _is_one_batch(batches: Any) -> bool:
    """Return whether arrays can only be parts of one batch, such as inputs and labels.

    They have one number of examples, and differ in their axes or kinds of numbers, in
    which batches do not. Two of one kind may be batches, and count as such.
    """
    if not isinstance(batches, tuple | list) or len(batches) < 2:
        return False
    if not all(isinstance(leaf, jax.Array | np.ndarray) for leaf in batches):
        return False
    kinds = {(leaf.ndim, jnp.issubdtype(leaf.dtype, jnp.inexact)) for leaf in batches}
    return len(kinds) > 1 and len({leaf.shape[:1] for leaf in batches}) == 1
