import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from experiments._sharp_vs_flat import connections, rescaling, sharpness, spectra

from experiments import _measured
from experiments._more_data import study as more_data
from lec7 import curvature, data, models, report, runs


class Config(NamedTuple):
    """What the looks at a minimum read from a configuration."""

    seeds: tuple[int, ...] = (0, 1)
    model: str = "mlp"
    measures: tuple[str, ...] = ("fisher_rao", "low_pass")
    epsilon: float = 1e-3
    starts: int = 1
    probes: int = 4


def dataset(count=7):
    images = np.arange(count * 2.0).reshape(count, 2, 1, 1).astype("float32")
    split = data.Split(images, np.arange(count) % 3)
    return data.Dataset("few", 3, split, split, split)


def setup(tmp_path=pathlib.Path()):
    context = runs.Context(tmp_path, tuple(jax.devices()[:1]), report.Progress())
    model = models.MLP(num_classes=3, widths=(4,))
    return _measured.make(Config(), context, model, {"train": dataset().train})


def variables(seed):
    rng = np.random.default_rng(seed)
    shapes = {"Dense_0": (2, 4), "head": (4, 3)}
    params = {
        name: {
            "kernel": jnp.asarray(0.3 * rng.normal(size=shape), "float32"),
            "bias": jnp.asarray(0.3 * rng.normal(size=shape[1:]), "float32"),
        }
        for name, shape in shapes.items()
    }
    return {"params": params, "batch_stats": {}}


def test_ways_between_minima_end_at_them():
    loss = connections.LINE[None] ** 2
    found = connections.Connections(
        {"train": {"loss": loss}}, np.zeros((1, len(connections.BETWEEN)))
    )
    line, curve = found.ways().values()
    np.testing.assert_allclose(line, connections.BETWEEN[None] ** 2)
    assert curve.shape == line.shape


def test_large_eigenvalues_are_counted_above_a_tenth_of_the_first_largest():
    def density(values):
        nodes = np.array([values])
        weights = np.full(nodes.shape, 1 / nodes.size)
        empty = np.zeros(2)
        return curvature.SpectralDensity(empty, empty, empty, nodes, weights, 1.0)

    small, large = density([0.0, 0.5, 2.0, 10.0]), density([0.9, 1.1, 3.0, 90.0])
    counts = spectra.outliers({"small": [small], "large": [large]}, size=40)
    np.testing.assert_allclose(counts, [[20], [30]])


def test_a_rescaled_network_has_the_loss_and_the_invariant_measures_it_had():
    made, networks = setup(), [variables(0), variables(1)]
    card = sharpness.measure(made, networks, "sharpness")
    found = rescaling.measure(made, networks, card, np.linspace(-1, 1, 3))
    np.testing.assert_allclose(*found.losses, rtol=1e-5)
    np.testing.assert_allclose(*found.slices["filter"], rtol=1e-4)
    assert np.abs(np.diff(found.slices["none"], axis=0)).max() > 0.01
    changes = rescaling.changes(found)
    np.testing.assert_allclose(changes["fisher_rao"], [1, 1], rtol=1e-4)
    assert np.abs(changes["low_pass"] - 1).min() > 1e-4
    assert card.invariant == {"fisher_rao": True, "low_pass": False}


def test_the_halves_are_disjoint_and_measured_alike():
    whole = dataset(7)
    half = more_data.halved(whole)
    np.testing.assert_array_equal(half.train.labels, whole.train.labels[:3])
    for most, rows in ((9, range(7)), (2, [0, 1, 3, 4])):
        parts = more_data.parts(whole, most)
        np.testing.assert_array_equal(
            parts[more_data.ALL].images, whole.train.images[list(rows)]
        )
        first = parts[more_data.HALF].images
        np.testing.assert_array_equal(first, half.train.images[: len(first)])
    with pytest.raises(runs.UsageError, match="1 training examples"):
        more_data.halved(dataset(1))


def test_every_measure_of_the_report_card_has_a_title():
    assert set(sharpness.NAMES) == set(sharpness.TITLES)
