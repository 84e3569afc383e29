"""How uneven the curvatures of a loss are, by the number of its parameters."""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from lec7 import curvature, data, losses, models, report, train

if TYPE_CHECKING:
    from experiments.conditioning import Config

By = Mapping[int, np.ndarray]  # number of parameters -> one value a seed [N]


class Unevenness(NamedTuple):
    """What was measured at several sizes."""

    features: By
    """Condition number of least squares on that many random pixels."""
    networks: By
    """Top curvature over the mean of all, of a network with that many parameters."""


def measure(config: "Config", dataset: data.Dataset) -> Unevenness:
    """Look at least squares, and at networks with few examples."""
    few = data.Split(*(leaf[: config.examples] for leaf in dataset.train))
    return Unevenness(
        least_squares(dataset.train.images, config.seeds),
        networks(few, dataset.num_classes, config.seeds, config.widths),
    )


def least_squares(images: np.ndarray, seeds: Sequence[int]) -> By:
    """Return the condition numbers of least squares on random pixels.

    Each seed draws an order of the pixels [B, H, W, C] that are not constant, and the
    first D of them are the features, D being the powers of two.
    """
    pixels = images.reshape(len(images), -1).astype(float)
    pixels = pixels[:, pixels.std(axis=0) > 0]
    orders = [
        np.random.default_rng(seed).permutation(pixels.shape[1]) for seed in seeds
    ]
    sizes = [2**power for power in range(1, 11) if 2**power <= pixels.shape[1]]
    return {
        size: np.array(
            [np.linalg.cond(pixels[:, order[:size]]) ** 2 for order in orders]
        )
        for size in sizes
    }


def networks(
    split: data.Split, num_classes: int, seeds: Sequence[int], widths: Sequence[int]
) -> By:
    """Return by how much the largest curvature of initial networks exceeds their mean.

    The mean is of absolute values. A condition number would say nothing: some
    eigenvalues of a network are zero, as those of a pixel that is always black.
    """
    ratios = {}
    for width in widths:
        model = models.MLP(num_classes=num_classes, widths=(width,))
        metrics = train.batch_metrics(model, losses.cross_entropy)

        def loss_fn(params, batch, metrics=metrics):
            return metrics({"params": params}, batch)["loss"]

        spectra = []
        for seed in seeds:
            shape = split.images.shape[1:]
            start = models.initialise(model, jax.random.key(seed), shape)
            hessian = curvature.hessian(loss_fn, start["params"], [split])
            spectra.append(np.linalg.eigvalsh(np.asarray(hessian.to_dense(), float)))
        spectra = np.abs(spectra)
        ratios[spectra.shape[1]] = spectra.max(axis=1) / spectra.mean(axis=1)
    return ratios


def claims(found: Unevenness) -> list[report.Claim]:
    """Decide whether condition grows with the number of parameters."""
    lecture, networks = "lecture, 0:17:42", list(found.networks.items())
    return [
        # Every set of pixels is part of the next, so that it cannot fall.
        report.Claims(source=lecture, figure="parameters", kind="identity").mean(
            "L02",
            "The more parameters, the worse the condition: least squares on random "
            "pixels of the data has a condition number that grows with their number.",
            "power of the number of parameters",
            _powers(found.features),
            above=0,
        ),
        *(
            report.Claims(source=lecture, figure="networks").ratio(
                f"L02.networks.{many}",
                "The more parameters, the worse the imbalance: the largest curvature "
                f"of a network with {many:,} parameters is farther above the mean of "
                f"all than that of one with {few:,}.",
                f"largest / mean curvature, {many:,} / {few:,} parameters",
                (wide, narrow),
                above=1,
            )
            for (few, narrow), (many, wide) in itertools.pairwise(networks)
        ),
    ]


def _powers(by_size):
    """Return the power of the size that values [N] grow as, by least squares [N]."""
    sizes, values = list(by_size), list(by_size.values())
    return np.polyfit(np.log(sizes), np.log(values), 1)[0]


def section(dataset: str, found: Unevenness) -> report.Section:
    """Show both against the number of parameters."""
    figures = {
        "parameters": (
            found.features,
            "condition number",
            f"Hessian of least squares on random pixels of {dataset}.",
        ),
        "networks": (
            found.networks,
            "largest / mean curvature",
            "Hessian of networks with one hidden layer, at initialisation.",
        ),
    }
    return report.Section(
        "More parameters",
        *(
            report.Curves(
                name,
                {dataset: (list(by_size), np.stack([*by_size.values()], axis=1))},
                ("parameters", label),
                log="xy",
                caption=caption,
            )
            for name, (by_size, label, caption) in figures.items()
        ),
    )
