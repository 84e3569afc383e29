"""The spectra of the Hessian at the minima."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import jax
import numpy as np

from experiments import minima
from lec7 import curvature, report

if TYPE_CHECKING:
    from experiments.sharp_vs_flat import Config

START_VECTORS = 2  # of a spectrum
FAINTEST = 1e-6  # density that is drawn
SHARE = 0.1  # of the small batch's top eigenvalue, above which eigenvalues are counted

Spectra = Mapping[str, tuple[curvature.SpectralDensity, ...]]
"""Name of a group -> a density for each of its first networks."""


def at(
    config: "Config", probe: minima.Probe
) -> Callable[[int, minima.Variables], curvature.SpectralDensity]:
    """Return seed, variables -> density."""

    def spectrum(seed, variables):
        return curvature.spectral_density(
            curvature.hessian(*probe.at(variables)),
            key=jax.random.key(seed),
            order=config.order,
            probes=START_VECTORS,
        )

    return spectrum


def outliers(spectra: Spectra, size: int) -> np.ndarray:
    """Return how many eigenvalues are above `SHARE` of the small batch's top [2, M]."""
    least = [
        SHARE * float(density.values.max()) for density in spectra[minima.SMALL_BATCH]
    ]
    return np.array(
        [
            [
                size * _above(density, [x])[0]
                for density, x in zip(row, least, strict=True)
            ]
            for row in spectra.values()
        ]
    )


def section(config: "Config", spectra: Spectra, size: int) -> report.Section:
    """Show the density of one network of each group, and counts of all."""

    def visible(density):
        return np.where(density.density > FAINTEST, density.density, np.nan)

    def counts(row):
        top = min(float(density.values.max()) for density in row)
        places = np.geomspace(1e-3 * top, 0.999 * top, 200)
        return places, np.array([size * _above(each, places) for each in row])

    return report.Section(
        "Spectra",
        report.Curves(
            "density",
            {name: (row[0].grid, visible(row[0])) for name, row in spectra.items()},
            ("eigenvalue of the Hessian", "density"),
            log="y",
            caption="Density of the eigenvalues at the minima of seed "
            f"{config.seeds[0]}, by stochastic Lanczos quadrature of order "
            f"{config.order} from {START_VECTORS} start vectors, blurred by a "
            f"Gaussian. Of the {size:,} eigenvalues nearly all are in the peak at "
            "zero; the bumps on the right are single ones.",
        ),
        report.Curves(
            "eigenvalues",
            {name: counts(row) for name, row in spectra.items()},
            ("eigenvalue of the Hessian", "larger eigenvalues"),
            log="xy",
            caption="Estimated number of eigenvalues above each value, up to the "
            "smallest of the top eigenvalues.",
        ),
    )


def _above(density, places):
    """Return the share of the eigenvalues above each place, [A]."""
    beyond = density.values[..., None] > np.asarray(places)
    return np.einsum("mj,mja->ma", density.weights, beyond).mean(axis=0)
