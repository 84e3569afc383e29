"""Steps land where geometry says, and starts arrive that stay."""

import numpy as np
import pytest

from experiments import second_order_steps as steps
from lec7 import problems


def test_a_newton_step_ends_at_the_minimum_of_every_quadratic():
    conditions, left = steps.quadratics(range(6))
    assert ((conditions >= 10) & (conditions <= 1e4)).all()
    assert (left < 1e-9).all()


def test_newtons_error_falls_by_the_square_and_the_gradients_in_proportion():
    near = steps.nearer(range(2), np.array([1e-5, 1e-4]), 20)
    newton, gradient = near[steps.NEWTON], near[steps.GRADIENT]
    np.testing.assert_allclose(newton[:, 1] / newton[:, 0], 10, rtol=0.05)
    np.testing.assert_allclose(gradient[:, 1] / gradient[:, 0], 1, rtol=0.05)


def test_the_gradient_step_of_the_best_length_is_the_best_of_many_lengths():
    (share,) = steps.nearer([3], np.array([0.5]), 1)[steps.GRADIENT][0]
    angle = np.random.default_rng(3).uniform(0, 2 * np.pi, 1)[0]
    away = 0.5 * np.array([np.cos(angle), np.sin(angle)])
    best = []
    for surface in steps.CURVED:
        minimum = np.array(surface.minima[0])
        step = 1e-6
        slope = np.array(
            [
                float(surface.function(minimum + away + step * axis))
                - float(surface.function(minimum + away - step * axis))
                for axis in np.eye(2)
            ]
        )
        ray = slope / np.linalg.norm(slope)
        lengths = np.linspace(0, 1.5, 15_001)[:, None]
        distances = np.linalg.norm(away - lengths * ray, axis=1)
        best.append(distances.min() / 0.5)
    np.testing.assert_allclose(share, np.exp(np.log(best).mean()), rtol=0.02)


def test_a_start_has_arrived_from_when_it_stays():
    minimum = np.array(steps.BOWL.minima[0])
    places = [minimum + gap for gap in (2.0, 0.0, 2.0, 5e-4, -5e-4)]
    points = np.tile(places, (len(steps.SURFACES), 2, 1, 1))
    path = problems.Path(points, np.zeros(points.shape[:-1]), {})
    share = steps.share_arrived(path, seeds=1, tolerance=1e-3)
    np.testing.assert_array_equal(share[0, 0], [0, 0, 0, 100, 100])


def found(*, near=2.0, half=60.0, searched=90.0):
    """Return what was measured of three draws."""
    groups = np.array([0.99, 1.01, 1.0])
    gradient = np.outer(groups, [near, 0.5])
    shares = {steps.NEWTON_CG: searched, steps.HALVED: half}
    arrived = {rule: np.full((4, 3, 3), shares.get(rule, 50.0)) for rule in steps.RULES}
    for rule in shares:
        arrived[rule][:, 1] += 1
        arrived[rule][:, 2] -= 0.5
    return steps.Steps(
        radii=np.array([0.01, 3.0]),
        nearer={steps.NEWTON: np.ones((3, 2)), steps.GRADIENT: gradient},
        conditions=10 * groups,
        left=1e-15 * groups,
        shown={},
        arrived=arrived,
    )


@pytest.mark.parametrize(
    ("id", "holds", "fails"),
    [
        ("L40", {"near": 2.0}, {"near": 0.5}),
        ("L41", {"half": 90.0}, {"half": 20.0}),
        ("L41.searched", {"searched": 90.0}, {"searched": 20.0}),
    ],
)
def test_verdicts_turn_with_the_numbers(id, holds, fails):
    def verdict(numbers):
        decided = {claim.id: claim for claim in steps.claims(found(**numbers))}
        return decided[id].verdict

    assert (verdict(holds), verdict(fails)) == ("supported", "contradicted")
