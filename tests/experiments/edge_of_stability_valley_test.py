"""Descents in the valley with known minima, and what is claimed of them."""

import numpy as np
import pytest

from experiments import edge_of_stability_valley as valley


def found(updates=4000):
    return valley.measure(0, rate=0.2, starts=3, updates=updates)


def test_descent_in_the_valley_ends_below_the_limit_and_never_above_the_flow():
    descents = found()
    assert descents.limit == pytest.approx(10)
    assert (descents.descent <= descents.limit).all()
    assert (descents.descent <= descents.flow + 1e-9).all()


def test_a_small_rate_follows_the_flow_to_its_closed_form():
    descents = found()
    slow = descents.flow < 0.7 * descents.limit
    np.testing.assert_allclose(
        descents.descent[:, slow], np.tile(descents.flow[slow], (3, 1)), rtol=0.02
    )


def test_starts_that_have_not_arrived_have_no_curvature():
    assert np.isnan(found(updates=1).descent).all()


def test_the_claim_counts_the_starts_whose_flow_ends_above_the_limit():
    flow = np.array([5.0, 12.0, 14.0])
    below = valley.Descents(10.0, flow, np.tile([5.0, 8.0, 9.0], (50, 1)))
    assert valley.claim(below).verdict == "supported"
    above = below._replace(descent=np.tile([5.0, 8.0, 14.0], (50, 1)))
    claim = valley.claim(above)
    assert claim.effect == 0.5
    assert claim.verdict == "contradicted"
