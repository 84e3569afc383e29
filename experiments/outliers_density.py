"""The density of the eigenvalues by Lanczos, against all of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import curvature, data, report
from lec7.curvature import operators

SOURCE = "Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159, section 2"
NODES, STARTS = 90, 10  # of the quadrature, as in the paper
AWAY = 5 * 1e-5**0.5  # of the range of the spectrum: five widths of the kernel
FAINTEST = 1e-6  # density that is drawn


class Density(NamedTuple):
    """The spectrum of one network, twice."""

    eigenvalues: np.ndarray
    """All of them, ascending [P]."""
    grid: np.ndarray
    """[G]."""
    lanczos: np.ndarray
    """Density on the grid by stochastic Lanczos quadrature [G]."""
    exact: np.ndarray
    """Density of the eigenvalues with the same kernel [G]."""
    nodes: np.ndarray
    """Ritz values of the first start vector, ascending [NODES]."""

    @property
    def tail(self) -> float:
        """The area between the densities away from the peak at zero / area there."""
        spread = self.eigenvalues[-1] - self.eigenvalues[0]
        away = np.abs(self.grid) > AWAY * spread
        between = np.abs(self.lanczos - self.exact)
        return float(between[away].sum() / self.exact[away].sum())

    @property
    def distance(self) -> float:
        """The largest difference between the two distributions, 0 to 1."""
        step = self.grid[1] - self.grid[0]
        return float(step * np.abs(np.cumsum(self.lanczos - self.exact)).max())

    def misplaced(self, count: int) -> float:
        """Return how far the largest nodes are off, relative to the top eigenvalue."""
        largest, nodes = self.eigenvalues[-count:], self.nodes[-count:]
        return float(np.abs(nodes - largest).max() / largest[-1])


def measure(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: Mapping[str, Any],
    split: data.Split,
    seed: int,
) -> Density:
    """Return the spectrum of a network's Hessian on some images.

    Args:
      loss_fn: parameters of an MLP, batch -> mean loss.
      params: where the Hessian is taken.
      split: the images.
      seed: of the start vectors.
    """
    found = curvature.spectral_density(
        curvature.hessian(loss_fn, params, [split]),
        key=jax.random.key(seed),
        order=NODES,
        probes=STARTS,
    )
    grid = np.asarray(found.grid, np.float64)
    values = all_eigenvalues(loss_fn, params, split)
    exact = smooth(values, grid, found.width)
    lanczos = np.asarray(found.density, np.float64)
    return Density(values, grid, lanczos, exact, np.asarray(found.values[0]))


def all_eigenvalues(
    loss_fn: Callable[[Any, Any], jax.Array], params: Mapping[str, Any], split: Any
) -> np.ndarray:
    """Return every eigenvalue of the Hessian of an MLP, ascending [P].

    With Q an orthonormal basis of the images, W^T x = (Q^T W)^T (Q^T x), so the network
    with Q^T W for the weights W of its first layer computes the same from Q^T x. Its
    Hessian, which is formed, has all eigenvalues of the whole one but zeros, those of
    weights in directions in which no image extends. That is exact.
    """
    images = np.asarray(split.images, np.float64).reshape(len(split.labels), -1)
    basis, lengths, _ = np.linalg.svd(images.T, full_matrices=False)
    basis = basis[:, lengths > 1e-7 * lengths[0]]
    kernel = np.asarray(params["Dense_0"]["kernel"], np.float64)
    first = {**params["Dense_0"], "kernel": np.float32(basis.T @ kernel)}
    turned = split._replace(images=np.float32(images @ basis))
    op = curvature.hessian(loss_fn, {**params, "Dense_0": first}, [turned])
    matrix = operators.products(op, jnp.eye(op.size))
    matrix = np.asarray(matrix, np.float64)
    values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    return np.sort(np.pad(values, (0, kernel.size - first["kernel"].size)))


def smooth(values: np.ndarray, grid: np.ndarray, width: float) -> np.ndarray:
    """Return the density of values with a Gaussian kernel, on a grid [G]."""
    places, counts = np.unique(values, return_counts=True)
    kernels = np.exp(-(((grid[:, None] - places) / width) ** 2) / 2)
    return kernels @ counts / (len(values) * width * np.sqrt(2 * np.pi))


def claims(found: Sequence[Density], outliers: int) -> list[report.Claim]:
    """Decide whether Lanczos gives the density, and the outliers."""
    say = report.Claims(source=SOURCE, figure="density")
    return [
        say.mean(
            "density.distance",
            "The distribution of the eigenvalues by Lanczos is that of all of them.",
            "largest difference of the cumulative distributions",
            [of.distance for of in found],
            below=0.005,
        ),
        say.mean(
            "density.tail",
            "So is the density away from the peak at zero, where few eigenvalues are.",
            "area between the densities away from zero / area there",
            [of.tail for of in found],
            below=0.25,
        ),
        say.mean(
            "density.outliers",
            "The largest nodes of one start vector are the outliers.",
            "largest difference from an outlier / top eigenvalue",
            [of.misplaced(outliers) for of in found],
            below=1e-3,
        ),
    ]


def section(found: Sequence[Density], images: int) -> report.Section:
    """Show both densities of the first network."""
    first, size = found[0], len(found[0].eigenvalues)
    curves = {
        name: (first.grid, np.where(density > FAINTEST, density, np.nan))
        for name, density in (
            ("all eigenvalues", first.exact),
            (f"Lanczos, {NODES} nodes, {STARTS} start vectors", first.lanczos),
        )
    }
    return report.Section(
        "The density by Lanczos, and all eigenvalues",
        f"The Hessian of the loss on {images:,} images has {size:,} eigenvalues, of "
        f"which {np.count_nonzero(first.eigenvalues):,} belong to directions in which "
        "an image extends; all others are exactly zero. Lanczos sees the Hessian only "
        f"through {NODES * STARTS} products. Both densities are blurred by one kernel.",
        report.Curves(
            "density",
            curves,
            ("eigenvalue of the Hessian", "density"),
            log="y",
            caption="Density of the eigenvalues of the first network: what stands "
            "apart on the right are outliers.",
        ),
        report.Table(
            ("network", "difference of distributions", "area between, tail", "top"),
            [
                (str(index), of.distance, of.tail, float(of.eigenvalues[-1]))
                for index, of in enumerate(found, 1)
            ],
            "Largest difference of the cumulative distributions; area between the "
            f"densities further than {AWAY:.1%} of the range from zero, over the area "
            "there; top eigenvalue.",
        ),
    )
