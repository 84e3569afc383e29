"""How well a measure ranks networks by their generalisation gap.

Kendall's tau of a measure m and the gap g over n networks is

  tau = 1 / (n (n - 1)) sum_{i != j} sign(m_i - m_j) sign(g_i - g_j),

which is 1 where the two rank the networks alike. A measure may have a large tau only
because both it and the gap follow one hyper-parameter. So one is varied at a time:
psi_i is the mean of the taus along hyper-parameter i over all values of the others, and

  Psi = mean_i psi_i

is the granulated coefficient of Jiang et al. 2020, arXiv:1912.02178, eq. 6.
"""

import numpy as np


def kendall(measure: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return Kendall's tau along the last axis.

    Pairs with a value that is not finite are left out; ties count as zero.

    Args:
      measure: [..., n].
      gap: [..., n].

    Returns:
      The tau of each row [...], NaN where there is no pair.

    Example:
      >>> gaps = np.array([[4.0, 5.0, 6.0], [6.0, 5.0, 5.0]])
      >>> kendall(np.array([1.0, 2.0, 3.0]), gaps)
      array([ 1.        , -0.66666667])
    """
    above = np.triu_indices(np.shape(measure)[-1], 1)
    m, g = (
        _differences(np.asarray(x, np.float64))[..., *above] for x in (measure, gap)
    )
    known = np.isfinite(m) & np.isfinite(g)
    agreement = np.sign(np.where(known, m, 0)) * np.sign(np.where(known, g, 0))
    pairs = np.broadcast_to(known, agreement.shape).sum(axis=-1)
    return np.where(pairs > 0, agreement.sum(axis=-1) / np.maximum(pairs, 1), np.nan)


def overall(measure: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return the tau of each seed over all settings of the hyper-parameters, [S].

    Both arguments are [A_1, ..., A_k, S], a value for each setting and seed.
    """
    return kendall(*(x.reshape(-1, x.shape[-1]).T for x in (measure, gap)))


def psi(measure: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return the mean of `granulated` over the hyper-parameters that vary, [S]."""
    return _mean(granulated(measure, gap))


def granulated(measure: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return the mean tau along each hyper-parameter, the others being fixed.

    Both arguments are [A_1, ..., A_k, S]; psi_1, ..., psi_k of each seed are [k, S],
    NaN for a hyper-parameter of one value.
    """
    return np.stack(
        [
            _mean(kendall(np.moveaxis(measure, i, -1), np.moveaxis(gap, i, -1)))
            for i in range(measure.ndim - 1)
        ]
    )


def within(measure: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return the tau over seeds of each setting of the hyper-parameters.

    Of measures and gaps [A_1, ..., A_k, S] it is [A_1 ... A_k].
    """
    return kendall(measure, gap).ravel()


def _differences(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return values[..., :, None] - values[..., None, :]


def _mean(taus: np.ndarray) -> np.ndarray:
    """Return the mean of what is known over all axes but the last."""
    rows = taus.reshape(-1, taus.shape[-1])
    known = np.isfinite(rows)
    total = np.where(known, rows, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
