"""The cost of a Hessian is drawn on by its law at the highest speed."""

import numpy as np
import pytest

from experiments import second_order
from experiments import second_order_hessians as hessians

CONFIG = second_order.Config(**second_order.SMALL)


def timed(seconds):
    return hessians.Timed(
        parameters=np.array([10, 100]),
        memory=np.array([400, 40_000]),
        forming=np.full((3, 2), seconds),
        inverting=seconds * np.array([[1.0, 1.0], [1.1, 1.1], [1.2, 1.2]]),
    )


def test_the_law_passes_through_the_fastest_measurement():
    parameters, seconds = np.array([10, 100]), np.array([[2.0, 900.0], [1.0, 500.0]])
    assert hessians.law(parameters, seconds, 2) == 1 / 10**2
    assert hessians.law(parameters, seconds, 3) == pytest.approx(500 / 100**3)


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(1.0, "supported"), (1e-18, "contradicted")]
)
def test_the_verdict_on_inverting_turns_with_the_speed(seconds, verdict):
    decided = {claim.id: claim for claim in hessians.claims(CONFIG, timed(seconds))}
    assert decided["L42.seconds"].verdict == verdict
    assert decided["L42"].verdict == "supported"
    assert decided["L42"].effect == pytest.approx(
        4 * 6_624_904**2 / (1e9 * CONFIG.memory)
    )
