"""Where loops are slow: on the CPU XLA runs convolutions many times slower inside."""

from collections.abc import Callable
from typing import Any

import jax


def are_slow(
    function: Callable,
    *arguments: Any,
    platform: str | None = None,
    axes: tuple[tuple[str, int], ...] = (),
) -> bool:
    """Return whether a function is slow inside a loop, or grouped by `vmap`.

    Args:
      function: is traced, and not run.
      arguments: arrays, or their shapes.
      platform: where it would run; the default backend unless given.
      axes: names and sizes of mapped axes that it averages over.
    """
    if (platform or jax.default_backend()) != "cpu":
        return False
    program = jax.make_jaxpr(function, axis_env=list(axes))(*arguments)
    return "conv_general_dilated" in str(program)
