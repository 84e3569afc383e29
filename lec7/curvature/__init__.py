"""Curvature of any loss over any batches, by products with vectors alone."""

from lec7.curvature.batch_means import gradient, mean_loss
from lec7.curvature.blocks import block
from lec7.curvature.density import SpectralDensity, spectral_density
from lec7.curvature.eigen import Eigenpairs, overlap, top_eigenpairs
from lec7.curvature.estimates import Estimate, diagonal, frobenius_norm
from lec7.curvature.gauss_newton import fisher, ggn
from lec7.curvature.gradient_moments import empirical_fisher, gradient_covariance
from lec7.curvature.hessians import hessian
from lec7.curvature.needs import Plan, plan
from lec7.curvature.operators import Operator
from lec7.curvature.preconditioning import precondition, preconditioner
from lec7.curvature.symmetry import verify
from lec7.curvature.traces import trace
from lec7.curvature.tracking import TopEigenvalue

__all__ = [
    "Eigenpairs",
    "Estimate",
    "Operator",
    "Plan",
    "SpectralDensity",
    "TopEigenvalue",
    "block",
    "diagonal",
    "empirical_fisher",
    "fisher",
    "frobenius_norm",
    "ggn",
    "gradient",
    "gradient_covariance",
    "hessian",
    "mean_loss",
    "overlap",
    "plan",
    "precondition",
    "preconditioner",
    "spectral_density",
    "top_eigenpairs",
    "trace",
    "verify",
]
