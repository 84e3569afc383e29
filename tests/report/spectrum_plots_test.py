import jax.numpy as jnp
import numpy as np

from lec7 import report

SCALES = jnp.array([5.0, 3.0, 1.0, 0.0, 0.0, 0.0, -2.0, 0.0])
PARAMS, BATCHES = jnp.ones(8), [jnp.ones(2), jnp.ones(1)]


def loss_fn(params, batch):
    return jnp.mean(batch) * jnp.sum(SCALES * params**2) / 2


def test_the_density_has_its_peaks_at_the_eigenvalues_and_integrates_to_one():
    numbers = report.plot_density(loss_fn, PARAMS, BATCHES, probes=4).numbers
    grid, density = numbers["eigenvalue"], numbers["density"]
    at_peaks = np.interp([5, 3, 1, 0, -2], grid, density)
    between = np.interp([4, 2, -1], grid, density)
    assert at_peaks.min() > 1 and between.max() < 1e-3
    np.testing.assert_allclose(np.trapezoid(density, grid), 1, rtol=1e-3)
    np.testing.assert_allclose(numbers["weights"].sum(axis=1), 1, rtol=1e-5)


def test_what_no_eigenvalue_is_near_is_left_blank():
    figure = report.plot_density(loss_fn, PARAMS, BATCHES, probes=2).figure
    (line,) = figure.axes[0].lines
    shown = np.ma.filled(np.ma.masked_invalid(line.get_ydata()), np.nan)
    assert np.isnan(shown[np.searchsorted(line.get_xdata(), 4.0)])


def test_eigenvalues_are_drawn_by_rank():
    plot = report.plot_eigenvalues(loss_fn, PARAMS, BATCHES, k=3, which="LM")
    np.testing.assert_allclose(plot.numbers["eigenvalues"], [5, 3, -2], rtol=1e-4)
    x, y = plot.figure.axes[0].lines[0].get_data()
    assert list(x) == [1, 2, 3]
    np.testing.assert_array_equal(y, plot.numbers["eigenvalues"])
