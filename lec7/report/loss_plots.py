"""Pictures of a loss of one's own around its parameters, one call each."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lec7 import arguments
from lec7.report import curves, landscapes, plots, surfaces

if TYPE_CHECKING:
    import chex
    import jax

KINDS = {"contours": landscapes.Contours, "relief": surfaces.Surface}


def plot_landscape(
    loss_fn: Callable[[Any, Any], "jax.Array"],
    params: "chex.ArrayTree",
    batches: "Sequence[chex.ArrayTree]",
    *,
    key: "jax.Array | None" = None,
    points: int = 25,
    radius: float = 1.0,
    directions: "Sequence[chex.ArrayTree] | None" = None,
    norm: str = "filter",
    filter_axis: int = -1,
    kind: str = "contours",
    loss_label: str = "loss (nats)",
) -> plots.Plot:
    """Draw the loss on a plane through the parameters, on a log scale.

    The plane is spanned by two random directions with filters as long as those of the
    parameters, the second without what it has of the first.

    Args:
      loss_fn: params, batch -> mean loss over the batch. BatchNorm keeps the statistics
        bound to it by `jax.tree_util.Partial`.
      params: pytree of arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key of the directions; None for a fixed one.
      points: along each direction, at least 2; the number of losses is its square.
      radius: the directions are walked from -radius to radius.
      directions: two pytrees like `params`, drawn as they are; None for random ones.
      norm: "filter", "layer" or "none"; see `landscape.random_direction`.
      filter_axis: on which the filters lie; 0 for Equinox.
      kind: "contours" from above, or "relief".
      loss_label: what the figure calls the loss, with its unit.

    Returns:
      The figure, and the numbers `x` [A], `y` [A] and `loss` [A, A], with x first.

    Raises:
      ValueError: points, radius, norm or kind is out of range, no parameter has two
        axes and there are no `directions`, no loss on the plane is positive, or
        parameters, directions or batches do not fit.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean((batch @ params["kernel"]) ** 2)
      >>> params, batches = {"kernel": jnp.eye(2)}, [jnp.eye(2)]
      >>> plot = plot_landscape(loss_fn, params, batches, points=5)
      >>> plot.numbers["loss"].shape, round(float(plot.numbers["loss"][2, 2]), 2)
      ((5, 5), 0.5)

    References:
      Li et al. 2018, arXiv:1712.09913, section 4.
    """
    from lec7 import landscape

    arguments.require_one_of(KINDS, kind=kind)
    steps = _steps(points, radius)
    if directions is None:
        first, second = _directions(key, params, 2, norm, filter_axis)
        directions = first, landscape.orthogonalise(second, first)
    arguments.require(len(directions) == 2, "directions", directions, "two of them")
    losses = landscape.slice_2d(
        loss_fn, params, *directions, batches, alphas=steps, betas=steps
    )
    labels = [f"direction {number}" for number in (1, 2)]
    shown = landscapes.Landscape(
        x=steps,
        y=steps,
        losses={"": losses},
        x_label=labels[0],
        y_label=labels[1],
        loss_label=loss_label,
    )
    figure = KINDS[kind]("landscape", shown, caption="").draw()
    return plots.Plot(figure, {"x": steps, "y": steps, "loss": losses})


def plot_slices(
    loss_fn: Callable[[Any, Any], "jax.Array"],
    params: "chex.ArrayTree",
    batches: "Sequence[chex.ArrayTree]",
    *,
    key: "jax.Array | None" = None,
    slices: int = 3,
    points: int = 51,
    radius: float = 1.0,
    norm: str = "filter",
    filter_axis: int = -1,
    loss_label: str = "loss (nats)",
) -> plots.Plot:
    """Draw the loss along several random directions, on a log scale.

    Args:
      loss_fn: as for `plot_landscape`.
      params: pytree of arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key of the directions; None for a fixed one.
      slices: number of directions.
      points: along each, at least 2.
      radius: the directions are walked from -radius to radius.
      norm: as for `plot_landscape`.
      filter_axis: as for `plot_landscape`.
      loss_label: what the figure calls the loss, with its unit.

    Returns:
      The figure, and the numbers `distance` [A] and `loss` [S, A].

    Raises:
      ValueError: as for `plot_landscape`.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean((batch @ params["kernel"]) ** 2)
      >>> params, batches = {"kernel": jnp.eye(2)}, [jnp.eye(2)]
      >>> plot = plot_slices(loss_fn, params, batches, points=3)
      >>> plot.numbers["loss"].shape, plot.numbers["loss"][:, 1].tolist()
      ((3, 3), [0.5, 0.5, 0.5])

    References:
      Li et al. 2018, arXiv:1712.09913, section 4.
    """
    from lec7 import landscape

    steps = _steps(points, radius)
    losses = [
        landscape.slice_1d(loss_fn, params, direction, batches, alphas=steps)
        for direction in _directions(key, params, slices, norm, filter_axis)
    ]
    unit = {"none": "random directions", "layer": "lengths of the layers"}
    where = unit.get(norm, "lengths of the filters")
    figure = curves.Curves(
        "slices",
        {f"direction {i}": (steps, loss) for i, loss in enumerate(losses, 1)},
        (f"distance from the parameters ({where})", loss_label),
        log="y",
        caption="",
    ).draw()
    return plots.Plot(figure, {"distance": steps, "loss": np.stack(losses)})


def _steps(points: int, radius: float) -> np.ndarray:
    arguments.require_counts(points=points, least=2)
    arguments.require_positive(radius=radius)
    return np.linspace(-radius, radius, points)


def _directions(
    key: "jax.Array | None", params: Any, count: int, norm: str, filter_axis: int
) -> list[Any]:
    """Return random directions.

    Raises:
      ValueError: they are zero, as where no parameter has two axes.
    """
    import jax

    from lec7 import landscape

    arguments.require_counts(slices=count)
    key = jax.random.key(0) if key is None else key
    keys = jax.random.split(key, count)
    draw = landscape.random_direction
    drawn = [draw(k, params, norm=norm, filter_axis=filter_axis) for k in keys]
    if not any(np.any(leaf) for leaf in jax.tree.leaves(drawn)):
        raise ValueError(
            "all random directions are zero, since no leaf of params that is not zero "
            "has two axes; expected one, such as a kernel: elsewhere give "
            "landscape.slice_1d or slice_2d directions of your own"
        )
    return drawn
