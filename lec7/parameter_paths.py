"""Parameters named by regular expressions on their paths.

The path of a leaf is its names from the root of the tree, as in
`classifier/head/kernel`. A pattern matches where `re.search` finds it: `^Conv_` is what
begins so, `kernel$` all but biases and scales, and `(^|/)head/` the layer of that name
at any depth. What optax has masked keeps its path, so a pattern is one for the whole
network, also inside of a rule that sees a part of it.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax

HEAD = r"(^|/)head/"
"""The last layer of our networks, and its state in any update rule."""

Value = TypeVar("Value")


def all_but(pattern: str) -> str:
    """Return a pattern that matches just the paths that another does not.

    Args:
      pattern: regular expression on the path of a leaf.

    Returns:
      A regular expression.

    Example:
      >>> matches({"body": {"bias": 0.0}, "head": {"bias": 0.0}}, all_but(HEAD))
      {'body': {'bias': True}, 'head': {'bias': False}}
    """
    return f"^(?!.*(?:{pattern}))"


def matches(tree: Any, pattern: str) -> Any:
    """Tell which leaves a pattern matches.

    Args:
      tree: of any leaves, such as parameters.
      pattern: regular expression on the path of a leaf.

    Returns:
      A bool for each leaf, in a tree of the same structure.

    Raises:
      ValueError: as `search`.

    Example:
      >>> matches({"body": {"bias": 0.0}, "head": {"bias": 0.0}}, HEAD)
      {'body': {'bias': False}, 'head': {'bias': True}}
    """
    known, _, structure = flatten(tree)
    return structure.unflatten(search(pattern, known))


def first_match(tree: Any, values: Mapping[str, Value]) -> Any:
    """Give every leaf the value of the first pattern that matches it.

    Args:
      tree: of any leaves.
      values: pattern -> value; the order counts.

    Returns:
      A value for each leaf, in a tree of the same structure.

    Raises:
      ValueError: as `search`, or no pattern matches a leaf.

    Example:
      >>> first_match({"body": 0.0, "head": {"bias": 0.0}}, {HEAD: "new", "": "old"})
      {'body': 'old', 'head': {'bias': 'new'}}
    """
    known, _, structure = flatten(tree)
    found: dict[str, Value] = {}
    for pattern, value in values.items():
        for path, match in zip(known, search(pattern, known), strict=True):
            if match:
                found.setdefault(path, value)
    for path in known:
        if path not in found:
            raise ValueError(
                f"none of the patterns {list(values)} matches {path}; expected one for "
                "every path, such as '' at the end, which matches all"
            )
    return structure.unflatten(found[path] for path in known)


def count_parameters(params: Any, pattern: str = "") -> int:
    """Count the parameters that a pattern matches, all of them by default.

    Args:
      params: of one network, without an axis of members.
      pattern: regular expression on the path of a leaf.

    Returns:
      The number P of entries in these leaves.

    Raises:
      ValueError: as `search`.

    Example:
      >>> import numpy as np
      >>> params = {"body": {"kernel": np.ones((2, 3))}, "head": {"bias": np.ones(3)}}
      >>> count_parameters(params), count_parameters(params, HEAD)
      (9, 3)
    """
    sizes = jax.tree.map(
        lambda leaf, match: math.prod(jnp.shape(leaf)) * match,
        params,
        matches(params, pattern),
    )
    return sum(jax.tree.leaves(sizes))


def flatten(tree: Any) -> tuple[list[str], list[Any], jax.tree_util.PyTreeDef]:
    """Return the path of every leaf, the leaves, and the structure.

    What optax has masked is a leaf.
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(
        tree, is_leaf=lambda node: isinstance(node, optax.MaskedNode)
    )
    return (
        [written(path) for path, _ in leaves],
        [leaf for _, leaf in leaves],
        structure,
    )


def written(path: Sequence[Any]) -> str:
    """Return a path of JAX's as names from the root, separated by slashes.

    The attribute `value` of a variable of Flax NNX is not named: `layer/kernel`.
    """
    if len(path) > 1 and path[-1] == jax.tree_util.GetAttrKey("value"):
        path = path[:-1]
    return jax.tree_util.keystr(tuple(path), simple=True, separator="/")


def search(pattern: str, paths: Iterable[str], name: str = "pattern") -> list[bool]:
    """Return for each path whether a pattern matches it.

    Without paths, as in what optax puts in the place of parameters, only the pattern
    itself is checked.

    Raises:
      ValueError: the pattern is not a regular expression, or matches no path.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"{name} is {pattern!r}; expected a regular expression: {error}"
        ) from error
    known = list(paths)
    found = [compiled.search(path) is not None for path in known]
    if known and not any(found):
        letters = re.sub(r"\\.|[^\w/]", "", pattern)
        nearest = difflib.get_close_matches(letters, known, n=3, cutoff=0)
        raise ValueError(
            f"{name} is {pattern!r}, which matches none of {len(known)} paths; "
            f"expected part of one, such as {', '.join(nearest)}"
        )
    return found
