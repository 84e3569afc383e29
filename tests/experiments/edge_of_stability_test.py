"""What the edge of a rule says of its trainings."""

import numpy as np
import pytest

from experiments import edge_of_stability
from experiments import edge_of_stability_critical as critical
from experiments import edge_of_stability_flow as flow
from experiments import edge_of_stability_sam as sam


def edge(limit, sharpness, updates=None):
    sharpness = np.array(sharpness, float)
    return edge_of_stability.Edge(
        limit=limit,
        updates=np.arange(sharpness.shape[1]) if updates is None else updates,
        sharpness=sharpness,
        critical=0.5 * sharpness,
        losses=np.ones_like(sharpness),
    )


def rising(limit, rate, end, seeds=3):
    """Return networks whose eigenvalue is their time, up to an end."""
    updates = np.arange(0, 101, 10)
    rows = np.minimum(rate * (updates + 10), end) * (
        1 + 1e-4 * np.arange(seeds)[:, None]
    )
    return edge(limit, rows, updates)


def test_a_limit_that_moves_is_compared_look_by_look():
    moving = edge(np.array([[8.0, 8, 8, 8, 8, 8, 4, 2]]), [[1.0, 1, 1, 1, 1, 1, 4, 4]])
    np.testing.assert_array_equal(moving.settled, [1.5])
    np.testing.assert_array_equal(moving.late_limit, [3.0])
    assert edge(5.0, [[1.0, 2.0]]).late_limit == 5.0


def test_descents_are_compared_with_the_flow_after_the_same_time():
    edges = {
        "gradient descent": {0.1: rising(20, 0.1, 100), 0.4: rising(4, 0.4, 4)},
        "gradient flow": {0.1: rising(27.8, 0.1, 100)},
    }
    stable, followed, left = flow.claims(edges)
    assert stable.effect == pytest.approx(11 / 27.8, rel=1e-3)
    assert followed.effect == pytest.approx(1)
    assert left.effect == pytest.approx(11 / 4, rel=1e-3)
    assert stable.verdict == "supported"


def test_sam_is_compared_with_the_limit_of_gradient_descent():
    found = sam.claim({0.1: rising(5.0, 1.0, 4), 0.2: rising(5.0, 1.0, 4)})
    assert found.effect == pytest.approx((4 / 20 + 4 / 10) / 2, rel=1e-3)
    assert found.verdict == "supported"


def test_critical_sharpness_is_compared_with_the_limit_and_with_the_eigenvalue():
    at_edge, free = critical.claims(rising(2.0, 0.4, 4), rising(20.0, 0.1, 10))
    assert (at_edge.effect, at_edge.verdict) == (
        pytest.approx(1, rel=1e-4),
        "supported",
    )
    assert free.effect == pytest.approx(0.5)
