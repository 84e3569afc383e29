"""The noise of mini-batch gradients against the batch size.

Let g_i be the gradients of the N examples at fixed parameters, g their mean and
Sigma = 1/N sum_i (g_i - g)(g_i - g)^T. A batch of B examples drawn without replacement
has a mean gradient with expectation g and covariance

  Sigma / B  (N - B) / (N - 1),

so its noise has the power tr(Sigma) / B (N - B) / (N - 1), which is zero for B = N.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from lec7 import data, report

MOST = 1024  # examples whose gradients are held at once
SOURCE = "lecture, 0:21:13; sampling without replacement"

Loss = Callable[[Any, data.Split], jax.Array]


class Place(NamedTuple):
    """The noise of M networks at one place of their training."""

    measured: np.ndarray
    """Power [M, S]."""
    formula: np.ndarray
    """Power [M, S]."""
    trace: np.ndarray
    """tr(Sigma) [M]."""
    norm: np.ndarray
    """Squared length of the mean gradient [M]."""


class Noise(NamedTuple):
    """The noise of batches of 1, 2, 4, ... and all examples."""

    sizes: np.ndarray
    """Batch sizes [S]."""
    places: Mapping[str, Place]


def example_gradients(loss_fn: Loss) -> Callable[[Any, data.Split], jax.Array]:
    """Return the function: P parameters, N examples -> gradient of each [N, P]."""

    def gradient(params, example):
        batch = jax.tree.map(lambda leaf: leaf[None], example)
        return ravel_pytree(jax.grad(loss_fn)(params, batch))[0]

    return jax.jit(jax.vmap(gradient, in_axes=(None, 0)))


def trace(gradients: np.ndarray) -> float:
    """Return tr(Sigma) of gradients [N, P]."""
    return float(np.sum(np.var(gradients, axis=0)))


def predicted(variance: float, batch_sizes: Sequence[int], examples: int) -> np.ndarray:
    """Return the noise power [S] by the formula, of batches of 1 to N examples.

    Example:
      >>> predicted(1.0, (1, 2, 5), 5)
      array([1.   , 0.375, 0.   ])
    """
    sizes = np.asarray(batch_sizes, np.float64)
    return variance / sizes * (examples - sizes) / (examples - 1)


def measured(
    gradients: np.ndarray, batch_sizes: Sequence[int], *, draws: int, seed: int
) -> np.ndarray:
    """Return the noise power [S] of the batches that a training with this seed takes.

    It is the mean squared distance of a batch's gradient from that of all N examples.
    N is a multiple of every batch size, so that no batch crosses epochs.
    """
    centred = gradients - gradients.mean(axis=0)
    powers = []
    for size in batch_sizes:
        indices = data.batch_indices(
            seed, 0, draws, batch_size=size, num_examples=len(gradients)
        )
        share = np.zeros((draws, len(gradients)))
        np.put_along_axis(share, indices, 1 / size, axis=1)
        powers.append(np.mean(np.sum((share @ centred) ** 2, axis=1)))
    return np.asarray(powers)


def measure(
    loss_fn: Loss,
    places: Mapping[str, Any],
    split: data.Split,
    *,
    seeds: Sequence[int],
    draws: int,
) -> Noise:
    """Measure the noise at parameters of M networks, and say what the formula says.

    Of the examples the first 2^k are used, and no more than `MOST`.
    """
    power = min(int(np.log2(MOST)), int(np.log2(len(split.labels))))
    sizes = 2 ** np.arange(power + 1)
    part = data.Split(*(leaf[: sizes[-1]] for leaf in split))
    take = example_gradients(loss_fn)

    def at(params, member, seed):
        own = jax.tree.map(lambda leaf: leaf[member], params)
        gradients = np.asarray(take(own, part), np.float64)
        return (
            measured(gradients, sizes, draws=draws, seed=seed),
            predicted(trace(gradients), sizes, sizes[-1]),
            trace(gradients),
            np.sum(gradients.mean(axis=0) ** 2),
        )

    found = {}
    for name, params in places.items():
        rows = [at(params, *each) for each in enumerate(seeds)]
        found[name] = Place(*map(np.asarray, zip(*rows, strict=True)))
    return Noise(sizes, found)


def claims(noise: Noise) -> list[report.Claim]:
    """Decide whether the formula holds."""
    ratios = [
        np.mean(place.measured[:, :-1] / place.formula[:, :-1], axis=1)
        for place in noise.places.values()
    ]
    return [
        report.Claims(source=SOURCE, figure="finite_population", kind="identity").mean(
            "L07.noise",
            "A mini-batch gradient is a noisy estimate, whose noise has the power "
            "tr Σ / B · (N − B) / (N − 1), to within 5 %.",
            "power, measured / formula",
            np.mean(ratios, axis=0),
            above=0.95,
            below=1.05,
        )
    ]


def section(noise: Noise) -> report.Section:
    """Show the measured noise beside the formula."""
    sizes, examples = noise.sizes, noise.sizes[-1]
    drawn = slice(len(sizes) - 1)  # all examples have no noise to draw
    power = {
        f"{name}{kind}": (sizes[drawn], np.median(values, axis=0)[drawn])
        for name, place in noise.places.items()
        for kind, values in (
            ("", place.measured),
            (", tr Σ / B", place.trace[:, None] / sizes),
        )
    }
    shares = {
        name: place.measured * sizes / place.trace[:, None]
        for name, place in noise.places.items()
    } | {"formula": (examples - sizes) / (examples - 1)}
    return report.Section(
        "Gradient noise",
        "Batches are drawn without replacement, so the noise of B of N examples has "
        "the power `tr Σ / B · (N − B) / (N − 1)`, where Σ is the covariance of the "
        f"gradients of single examples; here N is {examples:,}. A batch of "
        "`tr Σ / |g|²` examples has as much noise as gradient.",
        report.Table(
            ("parameters", "tr Σ", "|g|²", "tr Σ / |g|² (examples)"),
            [
                (name, place.trace, place.norm, place.trace / place.norm)
                for name, place in noise.places.items()
            ],
        ),
        report.Curves(
            "gradient_noise",
            power,
            ("batch size B (examples)", "mean of |g_B − g|²"),
            log="xy",
            caption="Noise power, the mean squared distance of the gradient of a batch "
            "from that of all examples, and the 1/B law; medians over seeds.",
        ),
        report.Curves(
            "finite_population",
            {name: (sizes, share) for name, share in shares.items()},
            ("batch size B (examples)", "noise power · B / tr Σ"),
            log="x",
            caption="Noise power relative to the 1/B law, and (N − B) / (N − 1), the "
            "factor by which it is smaller because a batch takes no example twice.",
        ),
    )
