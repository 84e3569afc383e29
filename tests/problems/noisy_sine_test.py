"""The valley of a noisy sine's lowest minimum."""

import jax.numpy as jnp
import numpy as np
import pytest

from lec7.problems import noisy_sine

GRID = np.linspace(0, 12, 1201)


def test_the_mean_loss_of_the_samples_is_the_one_whose_valley_is_found():
    problem = noisy_sine.draw(0, 50)
    valley = noisy_sine.global_basin(problem, GRID)
    assert valley.low < noisy_sine.FREQUENCY < valley.high
    heights = noisy_sine.mean_loss(problem, GRID)
    assert valley.minimum == heights.min()
    expected = float(noisy_sine.loss(jnp.float32(2.5), problem))
    actual = noisy_sine.mean_loss(problem, np.array([2.5]))[0]
    assert actual == pytest.approx(expected, rel=1e-5)


def test_without_noise_the_lowest_minimum_is_the_frequency_itself():
    times = np.linspace(-2, 2, 41)
    exact = noisy_sine.Samples(times, np.sin(noisy_sine.FREQUENCY * times))
    valley = noisy_sine.global_basin(exact, GRID)
    assert valley.minimum == pytest.approx(0, abs=1e-12)
    assert valley.holds(np.array([0.0, 4.0, 7.8])).tolist() == [False, True, False]
