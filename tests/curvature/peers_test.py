"""Curvature of one network by its peers in PyTorch, where they are installed."""

import warnings

import jax
import numpy as np
import pytest

from benchmarks import curvature as side_by_side
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
    values = ours.eigenvalues()
    np.testing.assert_allclose(values, curvlinops.eigenvalues(), rtol=1e-6)
    np.testing.assert_allclose(values, pyhessian.eigenvalues(), rtol=1e-2)
    assert values[0] == pytest.approx(pyhessian.eigenvalues()[0], rel=1e-5)
    trace = float(curvature.trace(ours.hessian, key=jax.random.key(1)).mean)
    for peer in (pyhessian, curvlinops):
        assert peer.trace() == pytest.approx(trace, rel=0.1)
    edges = side_by_side.edges_of(ours)
    gap = side_by_side.apart(ours.density(edges), curvlinops.density(edges))
    assert gap < 0.1
    torch.set_default_dtype(torch.float32)
