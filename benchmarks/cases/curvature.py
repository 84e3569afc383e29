"""Curvature of one trained network by lec7, PyHessian and curvlinops.

A tanh network is trained on `digits`; its weights go to PyTorch unchanged, and so do
all training examples, in the same batches with a short last one. Eigenvalues and traces
are asked for as precisely, no more, as everyone's true error demands; the truth is the
dense Hessian in float64. For the density the Lanczos steps, their starts and the kernel
are the same. PyHessian's density calls what torch no longer has.
"""

import contextlib
import functools
import itertools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import accuracy, case
from lec7 import curvature, data, losses

WIDTHS, BATCH, UPDATES, RATE = (64, 32, 10), 400, 300, 0.5
TOP, ORDER, STARTS = 5, 40, 4
KAPPA, MARGIN, POINTS = 3.0, 0.05, 1024  # of curvlinops' density
TOLERANCES = tuple(10.0**-n for n in range(1, 9))
PRODUCTS = (15, 30, 60, 120, 240, 480, 960, 1920)
EIGENVALUE_ERROR, TRACE_ERROR, TRACES = 1e-3, 0.02, 8


class Problem(NamedTuple):
    """One trained network and the examples it was trained on."""

    weights: list[tuple[np.ndarray, np.ndarray]]
    """Kernel [in, out] and bias of each layer."""
    batches: list[tuple[np.ndarray, np.ndarray]]
    """Images [B, D] and labels [B]; the last batch is short."""


def logits(weights: Any, images: jax.Array) -> jax.Array:
    """Apply the network: tanh between the layers."""
    *hidden, (kernel, bias) = weights
    for inner, shift in hidden:
        images = jnp.tanh(images @ inner + shift[None])
    return images @ kernel + bias[None]


def mean_loss(weights: Any, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Mean cross-entropy of a batch."""
    return jnp.mean(losses.cross_entropy(logits(weights, batch[0]), batch[1]))


@functools.cache
def trained(dtype: Any) -> Problem:
    """Train by gradient descent on all examples."""
    images, labels = data.standardise(data.load("digits")).train
    images = images.reshape(len(images), -1).astype(dtype)
    rng = np.random.default_rng(0)
    sizes = zip((images.shape[1], *WIDTHS), WIDTHS, strict=False)
    weights = [
        (rng.normal(size=size).astype(dtype) / size[0] ** 0.5, np.zeros(size[1], dtype))
        for size in sizes
    ]

    def update(weights, _):
        slopes = jax.grad(mean_loss)(weights, (images, labels))
        return jax.tree.map(lambda w, g: w - RATE * g, weights, slopes), None

    run = jax.jit(lambda start: jax.lax.scan(update, start, length=UPDATES)[0])
    cuts = range(BATCH, len(images), BATCH)
    batches = zip(np.split(images, cuts), np.split(labels, cuts), strict=True)
    return Problem(jax.device_get(run(weights)), list(batches))


@functools.cache
def spectrum() -> np.ndarray:
    """All eigenvalues of the dense Hessian in float64, descending."""
    problem = trained(np.float32)
    images, labels = map(np.concatenate, zip(*problem.batches, strict=True))
    with jax.enable_x64(True):
        weights = jax.tree.map(lambda leaf: leaf.astype(np.float64), problem.weights)
        flat, unravel = jax.flatten_util.ravel_pytree(weights)
        batch = images.astype(np.float64), labels

        def product(v, flat, batch):
            slope = jax.grad(lambda flat: mean_loss(unravel(flat), batch))
            return jax.jvp(slope, (flat,), (v,))[1]

        products = jax.jit(jax.vmap(product, in_axes=(0, None, None)))
        rows = np.array_split(np.eye(len(flat)), 100)
        hessian = np.concatenate(
            [np.asarray(products(part, flat, batch)) for part in rows]
        )
    return np.linalg.eigvalsh(hessian)[::-1]


class Ours:
    """lec7."""

    def __init__(self, problem: Problem):
        """Build the operator."""
        self.hessian = curvature.hessian(mean_loss, problem.weights, problem.batches)
        self._seeds = itertools.count()

    def _key(self) -> jax.Array:
        return jax.random.key(next(self._seeds))

    def eigenvalues(self, tol: float) -> np.ndarray:
        """The largest ones, descending."""
        found = curvature.top_eigenpairs(self.hessian, TOP, key=self._key(), tol=tol)
        return np.asarray(found.values)

    def trace(self, products: int) -> float:
        """Of so many products."""
        found = curvature.trace(self.hessian, key=self._key(), probes=products)
        return float(found.mean)

    def density(self, width: float) -> tuple[np.ndarray, np.ndarray]:
        """Grid and density of `STARTS` starts."""
        found = curvature.spectral_density(
            self.hessian, key=self._key(), order=ORDER, probes=STARTS, width=width
        )
        return np.asarray(found.grid), np.asarray(found.density)


class Torch:
    """The network and its batches in PyTorch."""

    def __init__(self, problem: Problem):
        """Copy weights and examples."""
        import torch

        from benchmarks.peers import pytorch

        self.torch = torch
        layers = []
        for kernel, bias in problem.weights:
            layers += [pytorch.dense({"kernel": kernel, "bias": bias}), torch.nn.Tanh()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.loss = torch.nn.CrossEntropyLoss()
        self.batches = [
            (torch.tensor(images), torch.tensor(labels, dtype=torch.long))
            for images, labels in problem.batches
        ]


class PyHessian(Torch):
    """PyHessian: power iteration, Hutchinson."""

    def __init__(self, problem: Problem):
        """Build the operator."""
        super().__init__(problem)
        import pyhessian

        self.hessian = pyhessian.hessian(
            self.model, self.loss, dataloader=self.batches, cuda=False
        )

    def eigenvalues(self, tol: float) -> np.ndarray:
        """The largest ones by absolute value."""
        found, _ = self.hessian.eigenvalues(maxIter=2000, tol=tol, top_n=TOP)
        return np.sort(found)[::-1]

    def trace(self, products: int) -> float:
        """Of so many products: a tolerance of zero stops none of them."""
        return float(np.mean(self.hessian.trace(maxIter=products, tol=0)))


class Curvlinops(Torch):
    """curvlinops: ARPACK, Hutch++, Papyan's density."""

    def __init__(self, problem: Problem):
        """Build the operator."""
        super().__init__(problem)
        import curvlinops

        self.package = curvlinops
        self.hessian = curvlinops.HessianLinearOperator(
            self.model,
            self.loss,
            [p for p in self.model.parameters() if p.requires_grad],
            self.batches,
            check_deterministic=False,
        )

    def eigenvalues(self, tol: float) -> np.ndarray:
        """The largest ones, descending."""
        from scipy.sparse import linalg

        operator = self.hessian.to_scipy()
        values, _ = linalg.eigsh(operator, TOP, which="LA", tol=tol)
        return np.sort(values)[::-1]

    def trace(self, products: int) -> float:
        """Of so many products."""
        return float(self.package.hutchpp_trace(self.hessian, products))

    def density(self, edges: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Grid and density of `STARTS` starts."""
        from curvlinops.papyan2020traces import spectrum

        found = spectrum.lanczos_approximate_spectrum(
            *(self.hessian, ORDER, POINTS, STARTS, KAPPA, edges, MARGIN)
        )
        return tuple(part.numpy() for part in found)


def width_of(edges: tuple[float, float]) -> float:
    """Return the width of curvlinops' kernel, in units of an eigenvalue."""
    half = (1 + 2 * MARGIN) * (edges[1] - edges[0]) / 2
    return float(half * 2 / (ORDER - 1) / np.sqrt(8 * np.log(KAPPA)))


def apart(
    mine: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]
) -> float:
    """Integral of the absolute difference of two densities; 2 if nowhere both are."""
    grid, density = theirs
    interpolated = np.interp(grid, *mine, left=0, right=0)
    return float(np.trapezoid(np.abs(interpolated - density), grid))


def smoothed(values: np.ndarray, grid: np.ndarray, width: float) -> np.ndarray:
    """Return the density of eigenvalues under a Gaussian kernel, on a grid."""
    total = sum(np.exp(-(((grid - value) / width) ** 2) / 2) for value in values)
    return total / (len(values) * width * np.sqrt(2 * np.pi))


def _everyone() -> dict[str, Any]:
    warnings.simplefilter("ignore")  # of the peers, about what torch will change
    problem = trained(np.float32)
    return {
        case.OURS: Ours(problem),
        "PyHessian": PyHessian(problem),
        "curvlinops": Curvlinops(problem),
    }


def _at_equal_error(
    what: str, settings: tuple, truth: Any, most: float, repeats: int, unit: str
) -> case.Case:
    runs: dict[str, Callable[[], Any]] = {}
    told = []
    for name, kit in _everyone().items():
        estimate = getattr(kit, what)
        setting, error = accuracy.cheapest(
            settings, estimate, truth, most=most, repeats=repeats
        )
        runs[name] = functools.partial(estimate, setting)
        told.append(f"{name} {error:.1e} ({unit} {setting:g})")
    return case.Case(runs, note=f"true errors {', '.join(told)}")


def eigenpairs(stack: contextlib.ExitStack) -> case.Case:
    """The five largest eigenvalues and their vectors."""
    stack.enter_context(warnings.catch_warnings())
    truth = spectrum()[:TOP]
    return _at_equal_error(
        "eigenvalues", TOLERANCES, truth, EIGENVALUE_ERROR, 3, "tolerance"
    )


def trace(stack: contextlib.ExitStack) -> case.Case:
    """The trace."""
    stack.enter_context(warnings.catch_warnings())
    truth = spectrum().sum()
    return _at_equal_error("trace", PRODUCTS, truth, TRACE_ERROR, TRACES, "products")


def density(stack: contextlib.ExitStack) -> case.Case:
    """The spectral density, between edges that are known."""
    stack.enter_context(warnings.catch_warnings())
    values = spectrum()
    edges = float(values[-1]), float(values[0])
    width, kits = width_of(edges), _everyone()
    runs = {
        case.OURS: functools.partial(kits[case.OURS].density, width),
        "curvlinops": functools.partial(kits["curvlinops"].density, edges),
    }
    errors = {}
    for name, run in runs.items():
        grid, found = run()
        errors[name] = apart((grid, smoothed(values, grid, width)), (grid, found))
    told = ", ".join(f"{name} {error:.2f}" for name, error in errors.items())
    return case.Case(runs, note=f"integrals of the absolute error {told}")
