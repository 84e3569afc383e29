import itertools

import numpy as np
import pytest
from scipy import stats

from lec7.sharpness import ranking

SHAPE = (3, 2, 4, 5)  # three hyper-parameters and five seeds


def granulated_coefficient(measure, gap):
    """Jiang et al. 2020, eq. 5 and 6, for one seed, hyper-parameter by parameter."""
    psis = []
    for axis in range(measure.ndim):
        others = [range(n) for i, n in enumerate(measure.shape) if i != axis]
        taus = []
        for place in itertools.product(*others):
            index = (*place[:axis], slice(None), *place[axis:])
            taus.append(stats.kendalltau(measure[index], gap[index]).statistic)
        psis.append(np.mean(taus))
    return np.mean(psis)


def test_tau_without_ties_is_scipys():
    measure, gap = np.random.default_rng(0).normal(size=(2, 6, 9))
    expected = [
        stats.kendalltau(*rows).statistic for rows in zip(measure, gap, strict=True)
    ]
    np.testing.assert_allclose(ranking.kendall(measure, gap), expected)


def test_a_network_without_a_gap_is_left_out():
    measure, gap = np.random.default_rng(0).normal(size=(2, 6))
    with_hole = np.insert(gap, 2, np.nan), np.insert(measure, 2, 7.0)
    assert ranking.kendall(*with_hole) == ranking.kendall(gap, measure)
    assert np.isnan(ranking.kendall(np.ones(3), np.full(3, np.nan)))


def test_psi_is_the_coefficient_of_the_paper():
    measure, gap = np.random.default_rng(0).normal(size=(2, *SHAPE))
    expected = [
        granulated_coefficient(measure[..., seed], gap[..., seed])
        for seed in range(SHAPE[-1])
    ]
    np.testing.assert_allclose(ranking.psi(measure, gap), expected)


def test_a_measure_that_follows_one_hyper_parameter_ranks_along_it_alone():
    first = np.broadcast_to(np.arange(3.0)[:, None, None, None], SHAPE)
    gap = 10 * first + np.random.default_rng(0).normal(size=SHAPE)
    np.testing.assert_array_equal(
        ranking.granulated(first, gap), np.repeat([[1.0], [0.0], [0.0]], 5, axis=1)
    )
    assert np.all(ranking.overall(first, gap) > 0.6)
    assert np.all(ranking.within(first, gap) == 0)


def test_a_hyper_parameter_of_one_value_does_not_count():
    measure, gap = np.random.default_rng(0).normal(size=(2, 3, 1, 4, 2))
    assert np.isnan(ranking.granulated(measure, gap)[1]).all()
    expected = ranking.psi(measure[:, 0], gap[:, 0])
    np.testing.assert_allclose(ranking.psi(measure, gap), expected)


@pytest.mark.parametrize(("sign", "tau"), [(1, 1.0), (-1, -1.0)])
def test_a_monotone_function_of_the_gap_ranks_it(sign, tau):
    gap = np.random.default_rng(0).normal(size=SHAPE)
    measure = np.exp(sign * gap)
    for rank in (ranking.overall, ranking.psi, ranking.within):
        np.testing.assert_allclose(rank(measure, gap), tau)
