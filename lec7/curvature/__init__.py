"""Curvature of any loss over any batches, by products with vectors alone."""

from lec7.curvature.averages import mean_loss
from lec7.curvature.eigen import Eigenpairs, top_eigenpairs
from lec7.curvature.operators import Operator, hessian
from lec7.curvature.traces import TraceEstimate, trace

__all__ = [
    "Eigenpairs",
    "Operator",
    "TraceEstimate",
    "hessian",
    "mean_loss",
    "top_eigenpairs",
    "trace",
]
