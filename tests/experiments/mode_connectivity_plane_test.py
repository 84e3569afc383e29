import numpy as np
import pytest

from experiments import mode_connectivity_plane as plane
from lec7 import landscape

START, END = np.zeros(3), np.array([2.0, 0.0, 0.0])
BATCHES = [np.ones((2, 1))]


def loss(point, batch):
    return batch.mean() * (1 + point[0] ** 2 + 3 * point[1] ** 2 + 9 * point[2] ** 2)


def test_the_plane_holds_the_loss_in_units_of_the_networks_distance():
    curve = landscape.BezierPath(START, np.array([1.0, 1.0, 0.0]), END)
    found = plane.measure(loss, curve, BATCHES)
    x, y = 2 * plane.ACROSS[:, None], 2 * plane.ALONG
    np.testing.assert_allclose(found.losses, 1 + x**2 + 3 * y**2, rtol=1e-5)
    np.testing.assert_allclose(found.bend, [0.5, 0.5], rtol=1e-6)


def test_the_curve_lies_on_the_plane_where_its_points_are():
    curve = landscape.BezierPath(START, np.array([1.5, 1.0, 0.0]), END)
    found, positions = plane.measure(loss, curve, BATCHES), np.linspace(0, 1, 5)
    points = np.stack([curve.at(t) for t in positions])
    ways = {
        "line": 1 + positions,
        "curve": np.array([loss(p, BATCHES[0]) for p in points]),
    }
    shown = plane.figure(found, positions, ways)
    x, y, heights = shown.paths["curve"]
    np.testing.assert_allclose(np.stack([x, y], axis=1), points[:, :2] / 2, atol=1e-6)
    np.testing.assert_allclose(heights, 1 + 4 * x**2 + 12 * y**2, rtol=1e-5)
    np.testing.assert_array_equal(shown.paths["line"][1], 0)


def test_a_bend_on_the_line_makes_no_plane_but_no_fault():
    curve = landscape.BezierPath(START, END / 2, END)
    found = plane.measure(loss, curve, BATCHES)
    assert found.bend == pytest.approx([0.5, 0.0])
    np.testing.assert_allclose(np.ptp(found.losses, axis=1), 0)
