"""What it costs to form and to invert the Hessian of a network, and of larger ones."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import curvature, data, losses, models, report, runs

if TYPE_CHECKING:
    from experiments.second_order import Config

YEAR = 365.25 * 24 * 3600  # seconds
NUMBER = 4  # bytes of a number in float32
# Networks that the lecture's listeners knew, and their parameters.
NETWORKS = {
    "GoogLeNet": 6_624_904,
    "ResNet-50": 25_557_032,
    "AlexNet": 61_100_840,
    "VGG-16": 138_357_544,
}
SMALLEST = min(NETWORKS, key=NETWORKS.get)


class Timed(NamedTuple):
    """Of the Hessians of networks of S sizes, each M times."""

    parameters: np.ndarray
    """P, int [S]."""
    memory: np.ndarray
    """Bytes [S]."""
    forming: np.ndarray
    """Seconds [M, S]."""
    inverting: np.ndarray
    """Seconds [M, S]."""


def measure(config: "Config", context: runs.Context, dataset: data.Dataset) -> Timed:
    """Form and invert the Hessians of networks with one hidden layer.

    The batch is the first 256 training examples.
    """
    rows = []
    with context.progress.task("Hessians of networks", len(config.widths)) as task:
        for width in config.widths:
            rows.append(_measure_one(dataset, width, config.times))
            task.update(len(rows))
    parameters, memory, forming, inverting = zip(*rows, strict=True)
    return Timed(
        parameters=np.array(parameters),
        memory=np.array(memory),
        forming=np.transpose(forming),
        inverting=np.transpose(inverting),
    )


def _measure_one(dataset, width, times):
    model = models.MLP(num_classes=dataset.num_classes, widths=(width,))
    shape = dataset.train.images.shape[1:]
    params = models.initialise(model, jax.random.key(0), shape)["params"]
    batch = tuple(x[:256] for x in dataset.train)

    def loss(params, batch):
        images, labels = batch
        logits = model.apply({"params": params}, images, train=False)
        return jnp.mean(losses.cross_entropy(logits, labels))

    op = curvature.hessian(loss, params, [batch])
    matrix = jax.block_until_ready(op.to_dense())
    # Made definite, as it would have to be for a step; that costs nothing.
    invert = jax.jit(lambda matrix: jnp.linalg.inv(matrix + jnp.eye(len(matrix))))
    jax.block_until_ready(invert(matrix))
    forming, inverting = (
        _seconds(function, times) for function in (op.to_dense, lambda: invert(matrix))
    )
    return op.size, matrix.nbytes, forming, inverting


def _seconds(function: Callable[[], jax.Array], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        jax.block_until_ready(function())
        taken.append(time.perf_counter() - start)
    return taken


def law(parameters: np.ndarray, seconds: np.ndarray, power: int) -> float:
    """Return c of the law c P^power at the highest speed that was measured.

    A matrix of P rows takes P products to form, each of the order of P operations, and
    of the order of P^3 to invert. Small ones fall short of the machine's speed, and
    other work on it only slows it down: the law errs on the side of speed.
    """
    return float(np.min(seconds / parameters.astype(float) ** power))


def claims(config: "Config", timed: Timed) -> list[report.Claim]:
    """Decide whether the Hessian of a known network could be stored and inverted."""
    size = float(NETWORKS[SMALLEST])
    # Each repetition at its own highest speed.
    factors = [law(timed.parameters, row, 3) for row in timed.inverting]
    years = np.array(factors) * size**3 / YEAR
    stored = report.Claims(
        source="lecture, 0:49:27", figure="hessian_bytes", kind="definition"
    )
    inverted = report.Claims(source="lecture, 0:49:27", figure="hessian_seconds")
    return [
        stored.exact(
            "L42",
            f"The Hessian of a network cannot be stored: even for {SMALLEST}, the "
            f"smallest of {', '.join(NETWORKS)}, it exceeds the memory of an "
            f"accelerator of {config.memory:g} GB.",
            "accelerators",
            NUMBER * size**2 / (1e9 * config.memory),
            above=1,
        ),
        inverted.ratio(
            "L42.seconds",
            "The Hessian of a network cannot be inverted either: at the highest speed "
            "measured on small networks this machine would take more than a year. One "
            "measurement of all of them counts as one seed.",
            "years",
            (years, np.ones_like(years)),
            above=1,
        ),
    ]


def section(timed: Timed) -> report.Section:
    """Show memory and seconds, drawn on to known networks."""
    largest = max(NETWORKS, key=NETWORKS.get)
    marks = {name: NETWORKS[name] for name in (SMALLEST, largest)}
    sizes = np.geomspace(timed.parameters.min(), max(NETWORKS.values()), 9)
    forming = law(timed.parameters, timed.forming, 2)
    inverting = law(timed.parameters, timed.inverting, 3)
    return report.Section(
        "The Hessian of a network",
        report.Table(
            ("network", "parameters", "Hessian (TB)", "inversion (years)"),
            [
                (
                    name,
                    size,
                    NUMBER * size**2 / 1e12,
                    inverting * float(size) ** 3 / YEAR,
                )
                for name, size in NETWORKS.items()
            ],
            "Extrapolated by the laws in the figures.",
        ),
        report.Curves(
            "hessian_bytes",
            {
                "Hessian, 4 P²": (sizes, NUMBER * sizes**2 / 1e9),
                "Hessian, formed": (timed.parameters, timed.memory / 1e9),
                "memory of L-BFGS, 80 P": (sizes, 20 * NUMBER * sizes / 1e9),
            },
            ("parameters P", "memory (GB)"),
            log="xy",
            marks=marks,
            caption="Memory of the Hessian in float32, as formed for networks on the "
            "data and for known networks, beside that of ten pairs of L-BFGS.",
        ),
        report.Curves(
            "hessian_seconds",
            {
                "inverted": (timed.parameters, timed.inverting),
                "c P³": (sizes, inverting * sizes**3),
                "formed": (timed.parameters, timed.forming),
                "c P²": (sizes, forming * sizes**2),
            },
            ("parameters P", "seconds"),
            log="xy",
            marks=marks,
            caption="Seconds to form a Hessian by P products on a batch of 256 and to "
            "invert it on this machine: all times measured, and the laws c P² and c P³ "
            "at the highest speed among them, drawn on to known networks.",
            band="Bands are from the fastest to the slowest time.",
        ),
    )
