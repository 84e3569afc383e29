"""Initial variables of a model from one random draw.

Flax's `model.init` compiles a truncated normal for every leaf, which takes most of the
start-up time of a deep network. Here all kernels are pieces of one flat draw.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lec7 import arguments, parameter_paths

# Standard deviation of a standard normal that is cut off at two of its own.
TRUNCATED_STD = 0.87962566103423978

CONSTANTS = {"bias": 0.0, "scale": 1.0, "mean": 0.0, "var": 1.0}


def initialise(
    model: nn.Module, key: jax.Array, input_shape: Sequence[int]
) -> dict[str, Any]:
    """Return the initial variables of a model.

      kernel of the layer `head`        std sqrt(1 / fan_in)
      any other kernel                  std sqrt(2 / fan_in)
      scale of a layer `last_norm`      0
      any other scale, var              1
      bias, mean                        0

    A kernel is a truncated normal whose standard deviation, after the truncation, is
    the one given; fan_in is the product of the kernel's axes but the last, as the layer
    asks for it: attention has one axis of outputs then, and `nn.scan` none of layers. A
    kernel of a layer of one's own, without a field `kernel_init`, has 2 or 4 axes. The
    2 makes up for half of the units, that a ReLU switches off; none follows the head;
    `last_norm` ends a residual branch, which so begins as zero. Calls under `vmap` over
    keys give the bits of single calls, and the kernels of a key are the same with and
    without BatchNorm.

    Args:
      model: called as `model(x, train=False)`; its mapped axis need not exist.
      key: typed key [].
      input_shape: of one example, for images (H, W, C).

    Returns:
      The collections of `model.init`: `params` and, with BatchNorm, `batch_stats`.

    Raises:
      TypeError: the model is not called `(x, *, train)`.
      ValueError: if a leaf has a name other than those above, or the fan_in of a kernel
        is not known.

    Example:
      >>> from lec7 import models
      >>> model = models.MLP(num_classes=3, widths=())
      >>> jax.tree.map(jnp.shape, initialise(model, jax.random.key(0), (5,)))
      {'params': {'head': {'bias': (3,), 'kernel': (5, 3)}}}

    References:
      He et al. 2015, arXiv:1502.01852, eq. 10.
    """
    arguments.require_call(model, "train")
    example = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    fans: dict[str, int] = {}
    with nn.intercept_methods(functools.partial(_noting_fans, fans)):
        shapes = jax.eval_shape(lambda x: model.init(key, x, train=False), example)
    paths, leaves, structure = parameter_paths.flatten(shapes)
    leaves = list(zip(paths, leaves, strict=True))
    sizes = [leaf.size if path.endswith("/kernel") else 0 for path, leaf in leaves]
    draw = jax.random.truncated_normal(key, -2, 2, (sum(sizes),), jnp.float32)
    pieces = jnp.split(draw, np.cumsum(sizes)[:-1])
    return structure.unflatten(
        _leaf(path, leaf, piece, fans.get(path))
        for (path, leaf), piece in zip(leaves, pieces, strict=True)
    )


def _noting_fans(fans, next_function, args, kwargs, context):
    """Return what a layer does, having noted the fan-in of the kernel it asks for.

    The shape of the leaf does not tell: attention asks for a kernel [in, out] and
    reshapes it, and a scan stacks what each layer asks for.
    """
    module = context.module
    if not hasattr(module, "kernel_init"):
        return next_function(*args, **kwargs)
    path, before = "/".join(("params", *module.path, "kernel")), module.kernel_init

    def zeros(key, shape, dtype=jnp.float32):
        del key
        fans[path] = math.prod(shape[:-1])
        return jnp.zeros(shape, dtype)

    object.__setattr__(module, "kernel_init", zeros)  # since its fields are frozen
    try:
        return next_function(*args, **kwargs)
    finally:
        object.__setattr__(module, "kernel_init", before)


def _leaf(
    path: str, leaf: jax.ShapeDtypeStruct, draw: jax.Array, fan_in: int | None
) -> jax.Array:
    """Return the initial value of the leaf at a path such as `params/head/kernel`.

    Raises:
      ValueError: if no rule is known for the name, or no fan-in.
    """
    *_, module, name = path.split("/")
    if name == "kernel":
        gain = 1 if module == "head" else 2
        if fan_in is None and leaf.ndim not in (2, 4):
            raise ValueError(
                f"the fan-in of {path} is not known, of shape {leaf.shape}; expected "
                "2 or 4 axes, or a layer of Flax's: use the model's own `init`"
            )
        fan_in = fan_in or math.prod(leaf.shape[:-1])
        std = math.sqrt(gain / fan_in) / TRUNCATED_STD
        return (std * draw).reshape(leaf.shape).astype(leaf.dtype)
    if name in CONSTANTS:
        zero = (module, name) == ("last_norm", "scale")
        return jnp.full(leaf.shape, 0.0 if zero else CONSTANTS[name], leaf.dtype)
    raise ValueError(
        f"no initial value is known for {path}; expected its name to be one of kernel, "
        f"{', '.join(CONSTANTS)}: rename it, or use the model's own `init`"
    )
