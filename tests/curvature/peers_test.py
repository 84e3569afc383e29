"""Curvature of one network by its peers in PyTorch, where they are installed."""

import warnings

import jax
import numpy as np
import pytest

from benchmarks.cases import curvature as side_by_side
from lec7 import curvature


@pytest.fixture
def problem(float64):
    for package in ("torch", "pyhessian", "curvlinops"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip(package)
    return side_by_side.trained(np.float64)


@pytest.mark.filterwarnings("ignore")
def test_eigenvalues_trace_and_density_are_those_of_the_peers(problem):
    import torch

    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    ours = side_by_side.Ours(problem)
    pyhessian = side_by_side.PyHessian(problem)
    curvlinops = side_by_side.Curvlinops(problem)
    values = ours.eigenvalues(1e-6)
    theirs = pyhessian.eigenvalues(1e-5)
    np.testing.assert_allclose(values, curvlinops.eigenvalues(1e-6), rtol=1e-6)
    np.testing.assert_allclose(values, theirs, rtol=1e-2)
    assert values[0] == pytest.approx(theirs[0], rel=1e-5)
    trace = float(curvature.trace(ours.hessian, key=jax.random.key(1)).mean)
    for peer in (pyhessian, curvlinops):
        assert peer.trace(30) == pytest.approx(trace, rel=0.1)
    low, high = (
        float(
            curvature.top_eigenpairs(
                ours.hessian, 1, key=jax.random.key(3), which=which
            ).values[0]
        )
        for which in ("SA", "LA")
    )
    width = side_by_side.width_of((low, high))
    gap = side_by_side.apart(ours.density(width), curvlinops.density((low, high)))
    assert gap < 0.1
    torch.set_default_dtype(torch.float32)
