"""The exact BatchNorm statistics of a network: those of its whole training set.

Running statistics are an average over past batches and past parameters, and parameters
that were averaged, interpolated or perturbed have none. Here they are found anew.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util

from lec7 import arguments

Examples = tuple[jax.typing.ArrayLike, jax.typing.ArrayLike]
Statistics = dict[str, jax.typing.ArrayLike]
Path = tuple[str, ...]
_SEEN = "entering_batch_norm"  # a collection of ours, which nn.remat carries


def refit_batch_stats(
    model: nn.Module,
    variables: Mapping[str, Any],
    batches: Sequence[Examples],
) -> dict[str, Any]:
    """Return the variables with the BatchNorm statistics of all examples together.

    Of every BatchNorm layer, `mean` and `var` become the mean and the biased variance
    of what enters it, over all examples and positions, in the network that a test sees:
    noise off, and the layers below normalising by *their* refitted statistics. So they
    are the batch statistics of a noiseless training pass whose batch is all examples,
    found without holding such a batch, and do not depend on the statistics given.

    A layer is right when those below it are. So every pass over the batches measures
    all layers, and after as many passes as there are layers in a row nothing changes.

    With B_b activations of mean m_b and variance v_b in batch b,

      mean = sum_b B_b m_b / sum_b B_b
      var = sum_b B_b (v_b + (m_b - mean)^2) / sum_b B_b.

    The mean of batch variances, which is customary, lacks the second term; and it comes
    from batches that normalise by themselves.

    Args:
      model: Flax model whose BatchNorm layers are `nn.BatchNorm` without a mask, each
        called once; `apply(variables, images, train=False)`. Its fields are hashable,
        tuples and no lists, so that refits of equal models share one compilation.
      variables: `params` and `batch_stats` of one member.
      batches: (images [B, H, W, C], labels [B]), of any sizes: a sequence, as it is
        walked once for each layer. The labels are not used.

    Returns:
      `variables` with new `batch_stats`; without BatchNorm as they were.

    Raises:
      ValueError: there is no batch, one is not (images, labels), or a BatchNorm layer
        is called twice or lies in `nn.scan` or `nn.vmap`.

    References:
      Izmailov et al. 2018, arXiv:1803.05407, sec. 3.2, for the need; Chan, Golub and
      LeVeque 1983, Algorithms for computing the sample variance, for the merging.
    """
    statistics = traverse_util.flatten_dict(variables.get("batch_stats", {}))
    for _ in {path[:-1] for path in statistics}:
        before, statistics = statistics, _refit_once(model, variables, batches)
        variables = {
            **variables,
            "batch_stats": traverse_util.unflatten_dict(statistics),
        }
        if all(np.array_equal(statistics[path], before[path]) for path in before):
            break
    return dict(variables)


def _refit_once(
    model: nn.Module, variables: Mapping[str, Any], batches: Sequence[Examples]
) -> dict[Path, jax.Array]:
    """Return the statistics of what enters each layer while those given are in use.

    Raises:
      ValueError: there is no batch, or one is not (images, labels).
    """
    measured = []
    for index, batch in enumerate(batches):
        is_pair = isinstance(batch, tuple | list) and len(batch) == 2
        shapes = jax.tree.map(jnp.shape, batch)
        name = f"batch {index} of the shapes"
        arguments.require(is_pair, name, shapes, "a pair (images, labels)")
        measured.append(jax.device_get(_measure(model, variables, batch[0])))
    if not measured:
        raise ValueError(
            "batches is empty: give a sequence of (images, labels), which can be "
            "walked once for each BatchNorm layer"
        )
    statistics = traverse_util.flatten_dict(variables["batch_stats"])
    for layer in measured[0]:
        for name, value in _merge([batch[layer] for batch in measured]).items():
            path = (*layer, name)
            statistics[path] = jnp.asarray(value, statistics[path].dtype)
    return statistics


@functools.partial(jax.jit, static_argnums=0)
def _measure(
    model: nn.Module, variables: Mapping[str, Any], images: jax.Array
) -> dict[Path, Statistics]:
    """Return count, mean and variance of what enters each layer, over one batch.

    Raises:
      ValueError: a BatchNorm layer is called twice, or its statistics are stacked.
    """
    inside: list[Path] = []  # a subclass may call the `__call__` that it overrides

    def observe(call, given, keywords, context):
        layer = context.module
        is_call = isinstance(layer, nn.BatchNorm) and context.method_name == "__call__"
        if not is_call or layer.path in inside:
            return call(*given, **keywords)
        x = given[0]
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        others = tuple(np.delete(np.arange(x.ndim), layer.axis))
        moments = {
            "count": jnp.asarray(x.size // x.shape[layer.axis]),
            "mean": jnp.mean(x, axis=others),
            "var": jnp.var(x, axis=others),
        }
        if not layer.sow(_SEEN, "moments", moments):
            raise ValueError(
                f"the BatchNorm layer {'/'.join(layer.path)} lies in nn.scan or "
                "nn.vmap, where its statistics are stacked and cannot be measured; "
                "expected layers in a Python loop"
            )
        inside.append(layer.path)
        result = call(*given, **keywords)
        inside.remove(layer.path)
        return result

    with nn.intercept_methods(observe):
        seen = model.apply(variables, images, train=False, mutable=[_SEEN])[1]
    found = traverse_util.flatten_dict(seen.get(_SEEN, {}), is_leaf=_is_sown)
    for path, calls in found.items():
        if len(calls) > 1:
            raise ValueError(
                f"the BatchNorm layer {'/'.join(path[:-1])} is called twice: its "
                "statistics are those of one input; give each call its own layer"
            )
    return {path[:-1]: calls[0] for path, calls in found.items()}


def _is_sown(path: Path, value: Any) -> bool:
    del path
    return isinstance(value, tuple)


def _merge(batches: list[Statistics]) -> Statistics:
    """Return mean and variance of all activations from those of each batch."""
    stacked = {name: np.stack([b[name] for b in batches]) for name in batches[0]}
    share = stacked["count"] / np.sum(stacked["count"])
    mean = share @ stacked["mean"]
    spread = (stacked["mean"] - mean) ** 2
    return {"mean": mean, "var": share @ (stacked["var"] + spread)}
