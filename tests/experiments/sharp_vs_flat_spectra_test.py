"""Large eigenvalues are counted from the density of a spectrum."""

import numpy as np

from experiments import minima
from experiments import sharp_vs_flat_spectra as spectra
from lec7 import curvature


def test_large_eigenvalues_are_counted_above_a_tenth_of_the_first_largest():
    def density(values):
        nodes = np.array([values])
        weights = np.full(nodes.shape, 1 / nodes.size)
        empty = np.zeros(2)
        return curvature.SpectralDensity(empty, empty, empty, nodes, weights, 1.0)

    small, large = density([0.0, 0.5, 2.0, 10.0]), density([0.9, 1.1, 3.0, 90.0])
    both = dict(zip(minima.GROUPS, ((small,), (large,)), strict=True))
    np.testing.assert_allclose(spectra.outliers(both, size=40), [[20], [30]])
