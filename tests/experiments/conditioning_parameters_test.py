import numpy as np
import pytest

from experiments import conditioning_parameters
from lec7 import data


def test_least_squares_is_no_better_conditioned_for_more_of_the_pixels():
    images = np.random.default_rng(0).normal(size=(40, 4, 4, 1))
    images[:, 0] = 3.0
    found = conditioning_parameters.least_squares(images, (0, 1))
    assert list(found) == [2, 4, 8]
    assert np.all(np.diff(list(found.values()), axis=0) >= 0)
    order = np.random.default_rng(1).permutation(12)[:4]
    features = images[:, 1:].reshape(40, 12)[:, order]
    values = np.linalg.eigvalsh(features.T @ features)
    assert found[4][1] == pytest.approx(values[-1] / values[0], rel=1e-9)


def test_the_imbalance_of_a_network_is_its_top_curvature_over_the_mean():
    generator = np.random.default_rng(0)
    images = generator.normal(size=(20, 2, 2, 1)).astype(np.float32)
    split = data.Split(images, np.arange(20, dtype=np.int32) % 3)
    (size, ratios), *others = conditioning_parameters.networks(
        split, 3, (0, 1), (2,)
    ).items()
    assert not others and size == 4 * 2 + 2 + 2 * 3 + 3
    assert np.all((ratios > 1) & (ratios <= size)) and ratios[0] != ratios[1]


def test_each_wider_network_is_compared_with_the_next_narrower_one():
    near = np.array([1.0, 1.1, 0.9])
    features = {2: near, 4: 4 * near[::-1]}
    networks = {10: near, 20: 4 * near[::-1], 30: 2 * near}
    found = conditioning_parameters.Unevenness(features, networks)
    least_squares, *steps = conditioning_parameters.claims(found)
    assert (least_squares.kind, least_squares.effect) == ("identity", pytest.approx(2))
    assert [(step.id, step.effect, step.verdict) for step in steps] == [
        ("L02.networks.20", pytest.approx(4), "supported"),
        ("L02.networks.30", pytest.approx(0.5), "contradicted"),
    ]
