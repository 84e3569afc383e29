"""Pictures of the Hessian's spectrum of a loss of one's own, one call each."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lec7.report import curves, plots

if TYPE_CHECKING:
    import chex
    import jax

FAINTEST = 1e-6  # of the highest density, below which nothing is drawn


def plot_density(
    loss_fn: Callable[[Any, Any], "jax.Array"],
    params: "chex.ArrayTree",
    batches: "Sequence[chex.ArrayTree]",
    *,
    key: "jax.Array | None" = None,
    order: int = 90,
    probes: int = 10,
) -> plots.Plot:
    """Draw the density of the eigenvalues of the Hessian, on a log scale.

    It costs order x probes products with the Hessian.

    Args:
      loss_fn: params, batch -> mean loss over the batch.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key of the start vectors; None for a fixed one.
      order: nodes of each start vector; see `curvature.spectral_density`.
      probes: number of start vectors, at least 2.

    Returns:
      The figure, and the numbers `eigenvalue` [G], `density` [G], `standard_error` [G],
      and the nodes `values` and their `weights`, both [M, order].

    Raises:
      ValueError: as for `curvature.hessian` and `curvature.spectral_density`.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2) / 2
      >>> batches = [jnp.array([[0.0, 2.0, 2.0, 2.0]])]
      >>> plot = plot_density(loss_fn, jnp.ones(4), batches, probes=2)
      >>> float(plot.numbers["eigenvalue"][plot.numbers["density"].argmax()].round(2))
      2.0
    """
    from lec7 import curvature

    op = curvature.hessian(loss_fn, params, batches)
    found = curvature.spectral_density(op, key=_key(key), order=order, probes=probes)
    grid, density = (np.asarray(part, np.float64) for part in found[:2])
    shown = np.where(density > FAINTEST * density.max(), density, np.nan)
    figure = curves.Curves(
        "density",
        {f"{op.size:,} eigenvalues": (grid, shown)},
        ("eigenvalue of the Hessian", "density"),
        log="y",
        caption="",
    ).draw()
    names = ("eigenvalue", "density", "standard_error", "values", "weights")
    return plots.Plot(figure, dict(zip(names, map(np.asarray, found[:5]), strict=True)))


def plot_eigenvalues(
    loss_fn: Callable[[Any, Any], "jax.Array"],
    params: "chex.ArrayTree",
    batches: "Sequence[chex.ArrayTree]",
    *,
    key: "jax.Array | None" = None,
    k: int = 10,
    which: str = "LA",
    tol: float = 1e-3,
) -> plots.Plot:
    """Draw the largest eigenvalues of the Hessian by their rank.

    Args:
      loss_fn: params, batch -> mean loss over the batch.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key of the start vectors; None for a fixed one.
      k: number of eigenvalues.
      which: "LA" for the largest, "SA" for the smallest, "LM" for the largest absolute
        values.
      tol: largest relative residual; see `curvature.top_eigenpairs`.

    Returns:
      The figure, and the numbers `eigenvalues` and `residuals`, both [k].

    Raises:
      ValueError: as for `curvature.hessian` and `curvature.top_eigenpairs`.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2) / 2
      >>> batches = [jnp.array([[1.0, 4.0, 3.0]])]
      >>> plot = plot_eigenvalues(loss_fn, jnp.ones(3), batches, k=2)
      >>> plot.numbers["eigenvalues"].round(3).tolist()
      [4.0, 3.0]
    """
    from lec7 import curvature

    op = curvature.hessian(loss_fn, params, batches)
    pairs = curvature.top_eigenpairs(op, k, key=_key(key), which=which, tol=tol)
    values = np.asarray(pairs.values)
    figure = curves.Curves(
        "eigenvalues",
        {f"{k} of {op.size:,} eigenvalues": (np.arange(1, k + 1), values)},
        ("rank", "eigenvalue of the Hessian"),
        points=True,
        levels={"zero": 0.0} if values.min() < 0 < values.max() else None,
        caption="",
    ).draw()
    figure.axes[0].xaxis.get_major_locator().set_params(integer=True)
    numbers = {"eigenvalues": values, "residuals": np.asarray(pairs.residuals)}
    return plots.Plot(figure, numbers)


def _key(key: "jax.Array | None") -> "jax.Array":
    import jax

    return jax.random.key(0) if key is None else key
