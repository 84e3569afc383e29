"""Relative flatness: the Hessian of one layer, weighted by the layer itself."""

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import arguments, curvature, parameter_paths
from lec7.sharpness import measure


def relative_flatness(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    layer: str | None = None,
    probes: int = 20,
    filter_axis: int = -1,
) -> measure.Measure:
    """Measure the relative flatness of one layer, which is low where it is flat.

    kappa = sum_{s, s'} <w_s, w_s'> tr H_{s, s'},

    with w_s the weights into unit s, the s-th slice of the kernel along `filter_axis`,
    and H_{s, s'} the block of the Hessian of the mean loss at (w_s, w_s'). With W the
    kernel as a matrix [inputs, units] it is E <V, H V> for V = Z W, where the entries
    of Z [inputs, inputs] are independent signs; here it is the mean over `probes` of
    them. The authors' code divides by the number of inputs, and the inputs by their
    standard deviation first; this is the definition.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        is best bound by `jax.tree_util.Partial`: all calls then share a compilation.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the probes.
      layer: regular expression that is found in the path of one kernel, such as
        "Dense_0/kernel". None for that of a layer named `head`, as the networks of lec7
        have one, or else the last leaf that has two axes or more.
      probes: products with the Hessian, at least 1.
      filter_axis: of the kernel, along which its units lie; 0 for Equinox.

    Returns:
      The measure; its standard error is over probes.

    Raises:
      ValueError: not exactly one leaf of two axes or more has such a path, probes is
        below 1, the loss at params is not finite, or the batches are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean((batch @ params["kernel"]) ** 2)
      >>> params = {"kernel": jnp.array([[3.0]])}
      >>> batches = [jnp.array([[1.0], [2.0]])]
      >>> relative_flatness(loss_fn, params, batches, key=jax.random.key(0)).value
      22.5

    References:
      Petzka et al. 2021, Relative flatness and generalization, arXiv:2001.00939,
      definition 3.
    """
    arguments.require_counts(probes=probes)
    path = _kernel_path(params, layer)
    op = curvature.hessian(loss_fn, params, batches)
    measure.require_finite(measure.value(loss_fn, op.params, op.batches))
    forms = []
    for probe_key in jax.random.split(key, probes):
        probe = _probe(op.params, probe_key, path, filter_axis)
        forms.append(_product(probe, op(probe)))
    samples = np.array(jax.device_get(forms), np.float64)
    settings = {"layer": path, "probes": probes}
    settings |= {} if filter_axis == -1 else {"filter_axis": filter_axis}
    return measure.Measure(
        value=float(samples.mean()),
        standard_error=measure.standard_error(samples),
        settings=settings
        | measure.provenance(key, params, measure.examples(op.batches)),
        cost=measure.PRODUCT * probes,
        invariant=True,
    )


def _kernel_path(params: Any, layer: str | None) -> str:
    paths, leaves, _ = parameter_paths.flatten(params)
    kernels = [p for p, leaf in zip(paths, leaves, strict=True) if jnp.ndim(leaf) > 1]
    if layer is None and kernels:
        heads = [path for path in kernels if re.search(parameter_paths.HEAD, path)]
        return [*kernels[-1:], *heads][-1]
    found = [path for path in kernels if re.search(layer or "", path)]
    if len(found) != 1:
        raise ValueError(
            f"layer is {layer!r}, which is found in {found}; expected part of the path "
            f"of one kernel of {kernels}"
        )
    return found[0]


@functools.partial(jax.jit, static_argnums=(2, 3))
def _probe(params: Any, key: jax.Array, path: str, filter_axis: int) -> Any:
    """Return Z W in place of the kernel at a path, and zeros elsewhere."""

    def at(place, leaf):
        if parameter_paths.written(place) != path:
            return jnp.zeros_like(leaf)
        kernel = jnp.moveaxis(leaf, filter_axis, -1)
        return jnp.moveaxis(_mixed(kernel, key), -1, filter_axis)

    return jax.tree.map_with_path(at, params)


_product = jax.jit(optax.tree.vdot)


def _mixed(kernel: jax.Array, key: jax.Array) -> jax.Array:
    matrix = kernel.reshape(-1, kernel.shape[-1])
    signs = jax.random.rademacher(key, 2 * matrix.shape[:1], kernel.dtype)
    with jax.default_matmul_precision("highest"):
        return (signs @ matrix).reshape(kernel.shape)
