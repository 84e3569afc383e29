"""The rescaling of layers that changes the parameters and not the function."""

import math
import re
from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp

from lec7 import arguments, parameter_paths


def rescale_layers(params: chex.ArrayTree, factors: Sequence[float]) -> chex.ArrayTree:
    """Rescale the layers of a ReLU network so that its function stays the same.

    kernel_k <- a_k kernel_k,   bias_k <- a_1 ... a_k bias_k,   a_1 ... a_K = 1,

    for layers k = 1 .. K. As relu(a x) = a relu(x) for a > 0, the input of layer k + 1
    is multiplied by a_1 ... a_k, and the output of the last layer by 1. So it is for
    max pooling and average pooling between the layers. Hessians become D^-1 H D^-1 for
    the diagonal D of the factors, and sharpness may be made as large as one likes.

    A normalised layer is refused: behind BatchNorm its scale is lost, so any positive
    factor on the kernel alone leaves the function as it is (but for epsilon), and there
    is nothing to hand on to the next layer.

    Args:
      params: nested dicts with leaves `kernel` and `bias`; a layer is a dict that holds
        a kernel. The order of layers is that of their paths, with numbers in them
        compared as numbers, which must be the order of the forward pass.
      factors: K positive ones, with product 1.

    Returns:
      The rescaled parameters.

    Raises:
      ValueError: the number of factors is not that of layers, one is not positive,
        their product is not 1, or a leaf is neither a kernel nor a bias beside one.

    Example:
      >>> layer = {"kernel": jnp.ones((1, 1)), "bias": jnp.ones(1)}
      >>> params = {"Dense_0": layer, "Dense_1": layer, "head": layer}
      >>> scaled = rescale_layers(params, (2.0, 3.0, 1 / 6))
      >>> {name: layer["bias"].item() for name, layer in scaled.items()}
      {'Dense_0': 2.0, 'Dense_1': 6.0, 'head': 1.0}

    References:
      Dinh et al. 2017, Sharp minima can generalize for deep nets, arXiv:1703.04933,
      section 3 and theorem 5.
    """
    layers = _layers(params)
    if len(factors) != len(layers):
        raise ValueError(
            f"factors has {len(factors)} of them, {list(factors)}; expected one for "
            f"each of the {len(layers)} layers {layers}"
        )
    positive = all(factor > 0 for factor in factors)
    arguments.require(positive, "factors", list(factors), "numbers > 0")
    if not math.isclose(math.prod(factors), 1, rel_tol=1e-6):
        raise ValueError(
            f"the product of factors {list(factors)} is {math.prod(factors):g}; "
            "expected 1: divide the last one by it"
        )
    scales = {}
    for index, layer in enumerate(layers):
        scales[f"{layer}kernel"] = factors[index]
        scales[f"{layer}bias"] = math.prod(factors[: index + 1])
    return jax.tree.map_with_path(
        lambda path, leaf: jnp.asarray(leaf) * scales[parameter_paths.written(path)],
        params,
    )


def _layers(params: chex.ArrayTree) -> list[str]:
    """Return the paths of the layers, each with a slash at its end, in order.

    Raises:
      ValueError: a leaf is neither a kernel nor a bias beside one.
    """
    names, _, _ = parameter_paths.flatten(params)
    layers = [name.removesuffix("kernel") for name in names if _is(name, "kernel")]
    allowed = {f"{layer}{leaf}" for layer in layers for leaf in ("kernel", "bias")}
    for name in names:
        if name not in allowed:
            raise ValueError(
                f"params has the leaf {name}; expected kernels and biases beside them "
                "alone: layers behind BatchNorm or another normalisation, and layers "
                "of other kinds, have no such rescaling"
            )
    return sorted(layers, key=_natural)


def _is(name: str, leaf: str) -> bool:
    return name.split("/")[-1] == leaf


def _natural(name: str) -> list[tuple[int, str]]:
    pieces = re.split(r"(\d+)", name)
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]
