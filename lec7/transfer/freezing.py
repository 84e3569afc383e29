"""Layers that stay as they are while others train.

Freezing has two halves. `freeze` is the rule's: no update, no weight decay, no state
for the frozen leaves. `Frozen` is the network's: BatchNorm of a frozen layer runs as in
a test and its gradients are zero. For a network without BatchNorm the first is enough.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from lec7 import arguments, parameter_paths
from lec7.transfer import parts

# Since -0.0 + 0.0 is 0.0, and x + -0.0 is x for every x, to the bit.
_NEGATIVE_ZEROS = optax.stateless(
    lambda updates, _: jax.tree.map(
        lambda update: jnp.where(update == 0, -jnp.zeros_like(update), update), updates
    )
)


def freeze(
    rule: optax.GradientTransformation, pattern: str
) -> optax.GradientTransformationExtraArgs:
    """Keep the leaves that a pattern matches as they are, bit by bit.

    Whatever the rule has, momentum and weight decay included, is for the other leaves
    alone: a clipping by the global norm, or SAM's radius, does not see the frozen ones.

    Args:
      rule: any optax transformation, for the leaves that train.
      pattern: regular expression on the path of a parameter.

    Returns:
      The transformation. Its `init` raises ValueError where `matches` does.

    Example:
      >>> params = {"body": jnp.ones(2), "head": {"bias": jnp.ones(2)}}
      >>> rule = freeze(optax.adamw(0.1), "^body")
      >>> updates, _ = rule.update(params, rule.init(params), params)
      >>> optax.apply_updates(params, updates)["body"]
      Array([1., 1.], dtype=float32)
    """

    def frozen(tree):
        return parameter_paths.matches(tree, pattern)

    def trained(tree):
        return jax.tree.map(lambda match: not match, frozen(tree))

    return optax.chain(
        parts.on_part(rule, trained),
        optax.masked(optax.set_to_zero(), frozen),
        _NEGATIVE_ZEROS,
    )


def unfreeze_in_stages(
    rule: optax.GradientTransformation, first_steps: Mapping[str, int]
) -> optax.GradientTransformationExtraArgs:
    """Let each part of the network train from a step of its own on.

    Until then its leaves stay as they are, bit by bit. At that step its rule begins:
    its momentum is zero, and its schedule and bias correction count from there. The
    step is data, so all stages are one program.

    BatchNorm in a layer of a later stage should run as in a test from beginning to end,
    by `Frozen(model, pattern, stop_gradient=False)`: were it to change to the
    statistics of the batch when its stage begins, the network would compute another
    function from one step to the next.

    Args:
      rule: any optax transformation; every stage has its own state of it.
      first_steps: pattern on the path of a parameter -> number of its first update; a
        leaf goes by the first pattern that matches it.

    Returns:
      The transformation. Its `init` raises ValueError where `first_match` does.

    Raises:
      ValueError: a step is negative.

    Example:
      >>> params = {"body": jnp.ones(1), "head": {"bias": jnp.ones(1)}}
      >>> rule = unfreeze_in_stages(optax.sgd(1.0), {parameter_paths.HEAD: 0, "": 2})
      >>> state, moves = rule.init(params), []
      >>> for _ in range(4):
      ...     updates, state = rule.update(params, state)
      ...     moves.append(bool(updates["body"] != 0))
      >>> moves
      [False, False, True, True]

    References:
      Howard and Ruder 2018, arXiv:1801.06146, section 3.3.
    """
    for pattern, first in first_steps.items():
        arguments.require_counts(least=0, **{f"the first step of {pattern!r}": first})

    def begins_at(first):
        return optax.conditionally_mask(rule, lambda step: step >= first)

    def of_stage(first, tree):
        return jax.tree.map(
            lambda step: step == first, parameter_paths.first_match(tree, first_steps)
        )

    return optax.chain(
        *(
            parts.on_part(begins_at(first), functools.partial(of_stage, first))
            for first in sorted(set(first_steps.values()))
        ),
        _NEGATIVE_ZEROS,
    )


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A network some of whose layers are constants; a model for `train.make_step`.

    BatchNorm of a frozen layer, one all of whose parameters the pattern matches, runs
    as in a test, told so by its field or when it is called: it normalises by its
    running statistics, and leaves them as they are. One without parameters is frozen
    where the pattern matches its path, `body/norm/`, or all parameters around it.
    In training mode it would normalise by the batch, so that frozen features, and what
    the head is taught, would depend on which examples meet in a batch, would differ
    from the features of the test, and would forget the source's statistics. Dropout of
    a frozen layer is noise on the features, and goes on.

    Example:
      >>> from lec7 import models
      >>> model = models.MLP(num_classes=3, widths=(2,), batch_norm=True)
      >>> variables = models.initialise(model, jax.random.key(0), (4,))
      >>> x = jax.random.normal(jax.random.key(1), (8, 4))
      >>> frozen = Frozen(model, "^(Dense|BatchNorm)_")
      >>> logits, _ = frozen.apply(variables, x, train=True, mutable=["batch_stats"])
      >>> bool((logits == model.apply(variables, x, train=False)).all())
      True
    """

    model: nn.Module
    """The network."""
    pattern: str
    """Regular expression on the path of a parameter."""
    stop_gradient: bool = True
    """Whether the gradients of frozen parameters are zero, and so cost nothing."""

    @property
    def axis_name(self) -> str | tuple[str, ...] | None:
        """Name of the mapped device axis that divides the batch, if any."""
        return self.model.axis_name

    def clone(self, **updates: Any) -> "Frozen":
        """Return a copy whose network has other fields."""
        return dataclasses.replace(self, model=self.model.clone(**updates))

    def apply(self, variables: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return what the network's own `apply` does, frozen layers being constants.

        Args:
          variables: the network's collections.
          *args: what the network is called with.
          **kwargs: also what else `nn.Module.apply` takes.

        Returns:
          The output, or with `mutable` the output and the collections.

        Raises:
          ValueError: the pattern matches no parameter.
        """
        params = variables["params"]
        mask = parameter_paths.matches(params, self.pattern)
        if self.stop_gradient:
            params = jax.tree.map(
                lambda leaf, match: jax.lax.stop_gradient(leaf) if match else leaf,
                params,
                mask,
            )
        with nn.intercept_methods(functools.partial(_in_test_mode, self.pattern, mask)):
            return self.model.apply({**variables, "params": params}, *args, **kwargs)


def _in_test_mode(
    pattern: str,
    mask: Any,
    next_function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    context: nn.module.InterceptorContext,
) -> Any:
    """Return what a method does; frozen BatchNorm normalises by its statistics."""
    module, name = context.module, "use_running_average"
    if context.method_name != "__call__" or not hasattr(module, name):
        return next_function(*args, **kwargs)
    # An argument counts before the field, as in `nn.BatchNorm`.
    given = dict(zip(("x", name), args, strict=False)) | kwargs
    field, argument = getattr(module, name), given.get(name)
    in_training = not (field if argument is None else argument)
    if not in_training or not _is_frozen(pattern, mask, module.path):
        return next_function(*args, **kwargs)
    if argument is not None:
        return next_function(**given | {name: True})
    in_test = module.clone(parent=None, use_running_average=True)
    return in_test.apply(module.variables, *args, **kwargs)


def _is_frozen(pattern: str, mask: Any, path: tuple[str, ...]) -> bool:
    """Return whether a layer is, or one without parameters what is around it."""
    matches = [mask]
    for name in path:
        below = matches[-1]
        matches.append(below.get(name, {}) if isinstance(below, Mapping) else {})
    own, *around = (jax.tree.leaves(tree) for tree in reversed(matches))
    if own:
        return all(own)
    return bool(re.search(pattern, "/".join((*path, "")))) or all(
        next((leaves for leaves in around if leaves), [False])
    )
