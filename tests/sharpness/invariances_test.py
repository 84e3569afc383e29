import functools

import jax
import numpy as np
import pytest

from lec7 import curvature, sharpness
from tests.sharpness.conftest import logits

KEY = jax.random.key(3)
FACTORS = (4.0, 0.5, 0.5)  # of the layers
HIDDEN = ("Dense_0", "Dense_1")
worst, average = sharpness.adaptive_worst_case, sharpness.adaptive_average_case
adaptive = functools.partial(worst, steps=4)
flatness = functools.partial(sharpness.relative_flatness, probes=4)


def dinh(loss_fn, params, batches, *, key):
    """The rise in a ball relative to 1 + the loss, Dinh et al. 2017, definition 2."""
    found = sharpness.sam_sharpness(loss_fn, params, batches, key=key, steps=4)
    loss = sharpness.low_pass(loss_fn, params, batches, key=key, rho=1e-12, draws=1)
    return found._replace(value=found.value / (1 + loss.value))


# Measure, and whether it survives the rescaling of layers, and of single units.
TABLE = {
    "keskar": (sharpness.keskar, False, False),
    "sam": (sharpness.sam_sharpness, False, False),
    "m-sharpness": (functools.partial(sharpness.sam_sharpness, m=16), False, False),
    "average case": (sharpness.average_case, False, False),
    "adaptive, elements, l2": (adaptive, True, True),
    "adaptive, elements, linf": (
        functools.partial(adaptive, norm="linf", rho=0.01),
        True,
        True,
    ),
    "adaptive average": (average, True, True),
    "ASAM, eta > 0": (functools.partial(adaptive, eta=0.5), False, False),
    "adaptive average, eta > 0": (functools.partial(average, eta=0.5), False, False),
    "adaptive, filters": (functools.partial(adaptive, per="filter"), True, False),
    "adaptive, layers": (functools.partial(adaptive, per="layer"), True, False),
    "largest eigenvalue": (sharpness.hessian_max, False, False),
    "trace": (sharpness.hessian_trace, False, False),
    "Frobenius norm": (sharpness.frobenius, False, False),
    "Dinh's sharpness": (dinh, False, False),
    "Fisher-Rao": (sharpness.fisher_rao, True, True),
    "relative flatness, first layer": (
        functools.partial(flatness, layer="Dense_0"),
        True,
        True,
    ),
    "relative flatness, head": (flatness, True, False),
    "PAC-Bayes sigma": (sharpness.pac_bayes_sigma, False, False),
    "local entropy": (sharpness.local_entropy, False, False),
    "low-pass filter": (functools.partial(sharpness.low_pass, rho=0.1), False, False),
    "gradient noise scale": (sharpness.gradient_noise_scale, False, False),
}


def rescaled_units(params):
    """Multiply what enters each hidden unit by a factor of its own, and undo it."""
    params = jax.tree.map(np.array, params)
    rng = np.random.default_rng(0)
    for name, following in zip(HIDDEN, (*HIDDEN[1:], "head"), strict=True):
        factors = np.exp(rng.normal(size=params[name]["bias"].shape))
        params[name]["kernel"] *= factors
        params[name]["bias"] *= factors
        params[following]["kernel"] /= factors[:, None]
    return params


@pytest.mark.parametrize("row", TABLE)
def test_the_table_of_invariances(float64, network, row):
    measure, layers, units = TABLE[row]
    taken = functools.partial(
        measure, network.loss_fn, batches=network.batches, key=KEY
    )
    found = taken(params=network.params)
    assert found.invariant is layers
    for moved, survives in (
        (sharpness.rescale_layers(network.params, FACTORS), layers),
        (rescaled_units(network.params), units),
    ):
        change = abs(taken(params=moved).value / found.value - 1)
        assert change < 1e-6 if survives else change > 1e-2


def test_noise_as_large_as_parameters_nearly_survives(float64, network):
    # It would survive altogether but for the floor of 0.001.
    values = [
        sharpness.pac_bayes_sigma(
            network.loss_fn, params, network.batches, key=KEY, magnitude_aware=True
        ).value
        for params in (
            network.params,
            sharpness.rescale_layers(network.params, FACTORS),
            rescaled_units(network.params),
        )
    ]
    np.testing.assert_allclose(values[1:], values[0], rtol=2e-2)


def test_the_fisher_rao_norm_of_a_homogeneous_network_is_liangs(float64, network):
    params = {
        name: layer | {"bias": np.zeros(layer["bias"].shape)}
        for name, layer in network.params.items()
    }
    images, labels = map(np.concatenate, zip(*network.batches, strict=True))
    f = np.asarray(logits(params, images))
    probabilities = np.asarray(jax.nn.softmax(f))
    slopes = np.sum(probabilities * f, axis=1) - f[np.arange(len(f)), labels]
    found = sharpness.fisher_rao(network.loss_fn, params, network.batches, key=KEY)
    np.testing.assert_allclose(found.value, 3**2 * np.mean(slopes**2), rtol=1e-12)


@pytest.mark.parametrize("layer", ["Dense_0", "head/kernel"])
def test_relative_flatness_is_petzkas_sum_over_blocks(float64, network, layer):
    kernel = np.asarray(network.params[layer.partition("/")[0]]["kernel"])
    matrix = np.asarray(curvature.hessian(*network).to_dense())
    start = {"Dense_0": 6, "head/kernel": 36 + 28 + 3}[layer]  # biases come first
    rows = slice(start, start + kernel.size)
    hessian = matrix[rows, rows].reshape(kernel.shape * 2)
    blocks = np.trace(hessian, axis1=0, axis2=2)  # [units, units]
    expected = np.sum((kernel.T @ kernel) * blocks)
    found = sharpness.relative_flatness(*network, key=KEY, layer=layer, probes=100)
    assert abs(found.value - expected) < 3 * found.standard_error < expected
