"""All sub-networks that dropout can make of a network, one by one."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from experiments import test_time_averaging_layers as noisy
from lec7 import data, report, train
from lec7.ensembles import scores
from lec7.models import layers

CHUNK = 32  # sub-networks at a time
MASKED = 4096  # units of the lecture's fully connected layer


class Narrow(nn.Module):
    """A hidden layer so narrow that all its dropout masks can be listed, and another.

    h = relu(x W_1 + b_1), [B, n];   z = (m * h / q) W_2 + b_2;   logits of relu(z)
    """

    num_classes: int
    """K."""
    units: int
    """n, of the first hidden layer, which has 2^n masks m."""
    width: int
    """Units of the second, which has no noise of its own."""
    rate: float
    """1 - q, probability of dropping a unit of the first in training."""
    axis_name: str | None = train.DEVICE_AXIS
    """Name of the mapped device axis that divides the batch, if any."""

    def setup(self):
        """Make the layers."""
        self.first, self.second = nn.Dense(self.units), nn.Dense(self.width)
        self.dropout = layers.Dropout(self.rate, axis_name=self.axis_name)
        self.head = nn.Dense(self.num_classes)

    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the logits [B, K] of images [B, H, W, C]."""
        h = self.dropout(self.hidden(x), train=train, sample=sample)
        return self.rest(h)[1]

    def hidden(self, x: jax.Array) -> jax.Array:
        """Return h [B, n] of images [B, H, W, C]."""
        return nn.relu(self.first(x.reshape(len(x), -1)))

    def rest(self, h: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return z [B, width] and logits [B, K] of what dropout left of h [B, n]."""
        z = self.second(h)
        return z, self.head(nn.relu(z))


def network(units: int, width: int, rate: float):
    """Return what makes the network."""
    return functools.partial(Narrow, units=units, width=width, rate=rate)


class Enumeration(NamedTuple):
    """The 2^n sub-networks of M networks, and what stands for their average."""

    accuracies: np.ndarray
    """Of each sub-network, per cent, [M, 2^n]."""
    one: np.ndarray
    """Of a random sub-network on each of N test examples, per cent, [M, N]."""
    scores: Mapping[str, scores.Scores]
    """`all`, `geometric` and `rule`, of each example, [M, N]."""
    linear_error: np.ndarray
    """Of the rule for what enters a unit after the masks: largest difference from the
    mean over all masks, relative to the largest value, [M]."""
    rectified_error: np.ndarray
    """Of the rule for the unit's ReLU: mean difference over the mean value, [M]."""
    distances: Mapping[str, np.ndarray]
    """Total variation of the rule's probabilities from those of the `all` and
    `geometric` averages, mean over images, [M]."""

    @property
    def count(self) -> int:
        """Of sub-networks of a network."""
        return self.accuracies.shape[1]


class Sums(NamedTuple):
    """Means over masks of the units z, their ReLU, p and log p."""

    unit: jax.Array
    rectified: jax.Array
    probability: jax.Array
    log_probability: jax.Array


def measure(found: noisy.Networks, split: data.Split) -> Enumeration:
    """Apply every sub-network of M networks."""
    several = [enumerate_all(found.model, member, split) for member in found.members]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *several)


def all_masks(units: int) -> np.ndarray:
    """Return every mask of n units, bool [2^n, n].

    Example:
      >>> all_masks(2).astype(int).tolist()
      [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    return (np.arange(2**units)[:, None] >> np.arange(units) & 1).astype(bool)


def enumerate_all(model: Narrow, variables, split: data.Split) -> Enumeration:
    """Apply every sub-network of one network, in double precision.

    Dropout at rate 1/2 makes all masks equally likely, and what is left twice as large.
    A network that was trained without dropout is taken to pieces in the same way.
    """
    with jax.enable_x64():
        wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
        images = np.asarray(split.images, np.float64)
        masks = all_masks(model.units).reshape(
            -1, min(CHUNK, 2**model.units), model.units
        )
        mean, right, accuracies = jax.device_get(
            _mean_over_masks(model, wide, images, split.labels, masks)
        )
        rule = jax.device_get(_apply(model, wide, _hidden(model, wide, images)))
    log_mean = mean.log_probability
    geometric = np.exp(log_mean - log_mean.max(-1, keepdims=True))
    predicted = {
        "all": mean.probability,
        "geometric": geometric / geometric.sum(-1, keepdims=True),
        "rule": rule.probability,
    }
    return Enumeration(
        accuracies=100 * accuracies.ravel(),
        one=100 * right.astype(np.float32),
        scores={
            k: scores.of_probabilities(p, split.labels, each=True)
            for k, p in predicted.items()
        },
        linear_error=np.max(np.abs(mean.unit - rule.unit)) / np.max(np.abs(mean.unit)),
        rectified_error=np.mean(np.abs(mean.rectified - rule.rectified))
        / np.mean(mean.rectified),
        distances={
            k: np.mean(np.sum(np.abs(predicted[k] - rule.probability), -1) / 2)
            for k in ("all", "geometric")
        },
    )


def neurons(count: int, *, seed: int) -> dict[str, np.ndarray]:
    """Return whether scaling by 1/2 is exact for neurons a(w_1 x + w_2 y), bool [n].

    The four masks of two random inputs are listed, in double precision; exact is to
    1e-12 of the inputs' size.
    """
    terms = np.random.default_rng(seed).normal(size=(2, count, 2)).prod(axis=0)
    sums = terms @ all_masks(2).T.astype(float)
    size = 1e-12 * np.abs(terms).sum(axis=1)

    def exact(activation):
        scaled = activation(0.5 * terms.sum(axis=1))
        return np.abs(activation(sums).mean(axis=1) - scaled) < size

    return {
        "linear": exact(lambda a: a),
        "ReLU": exact(lambda a: np.maximum(a, 0)),
    }


def _hidden(model, variables, images):
    return model.apply(variables, images, method="hidden")


def _apply(model, variables, h):
    """Return what the part after the masks makes of h [B, n]."""
    unit, logits = model.apply(variables, h, method="rest")
    log_p = jax.nn.log_softmax(logits)
    return Sums(unit, jax.nn.relu(unit), jnp.exp(log_p), log_p)


@functools.partial(jax.jit, static_argnums=0)
def _mean_over_masks(model, variables, images, labels, masks):
    """Return the means over masks, the share right of each example, accuracies."""
    h = _hidden(model, variables, images)

    def one(mask):
        return _apply(model, variables, h * mask[None] / (1 - noisy.DROP))

    def add(total, several):
        found = jax.vmap(one)(several)
        right = jnp.argmax(found.probability, axis=-1) == labels[None]
        sums = jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), (found, right))
        return jax.tree.map(jnp.add, total, sums), jnp.mean(right, axis=-1)

    zero = jax.tree.map(jnp.zeros_like, _apply(model, variables, h))
    total, accuracies = jax.lax.scan(add, (zero, jnp.zeros(len(labels))), masks)
    means = jax.tree.map(lambda leaf: leaf / accuracies.size, total)
    return *means, accuracies


def ensemble_claims(found: Mapping[str, Enumeration]) -> list[report.Claim]:
    """Decide what the lecture says of the ensemble of sub-networks."""
    counted = report.Claims(source="lecture, 0:58:42", kind="definition")
    say = report.Claims(source="lecture, 0:58:42", figure="subnetworks")
    dropout = found["with dropout"]
    one, plain = (found[name].one for name in ("with dropout", "without"))
    return [
        counted.exact(
            "L54.count",
            "A layer of 4,096 units has 2⁴⁰⁹⁶ masks, more than 10¹²³³.",
            "power of ten",
            MASKED * np.log10(2),
            above=1233,
            below=1234,
        ),
        say.paired(
            "L54.trained",
            "Dropout trains the sub-networks: a random one is more accurate than one "
            "of a network trained without dropout.",
            "points of test accuracy, with − without dropout",
            (one, plain),
            above=0,
        ),
        say.paired(
            "L54.ensemble",
            "The sub-networks are an ensemble: all of them averaged are more accurate "
            "than one.",
            "points of test accuracy, all − one",
            (dropout.scores["all"].accuracy, one),
            above=0,
        ),
        say.paired(
            "L54.rule",
            "The deterministic rule stands for that ensemble: its accuracy is that of "
            "all sub-networks averaged, to within a point.",
            "points of test accuracy, rule − all",
            tuple(dropout.scores[name].accuracy for name in ("rule", "all")),
            above=-1,
            below=1,
        ),
    ]


def scaling_claims(
    found: Mapping[str, Enumeration], exact: Mapping[str, np.ndarray]
) -> list[report.Claim]:
    """Decide where scaling by p is the mean over the masks."""
    dropout, source = found["with dropout"], "lecture, 1:00:36"
    say = report.Claims(source=source, figure="distances")
    follows = report.Claims(source=source, kind="identity")
    return [
        follows.share(
            "L56.neuron",
            "For a linear neuron with two inputs, scaling by p gives exactly the mean "
            "over the four masks.",
            "share of random neurons",
            exact["linear"],
            above=0.99,
        ),
        follows.share(
            "L56.ReLU",
            "Behind a ReLU, scaling by p gives the mean over the masks only where both "
            "terms have one sign.",
            "share of random neurons for which it is exact",
            exact["ReLU"],
            below=0.99,
        ),
        follows.mean(
            "L56.exact",
            "In a trained network, too, what enters a unit after the masks has the "
            "rule's value as its mean over all masks.",
            "largest relative error",
            dropout.linear_error,
            below=1e-9,
        ),
        say.mean(
            "L56.rectified",
            "What leaves the unit's ReLU does not: there the rule is off by more than "
            "one per cent of the mean over all masks.",
            "per cent, mean error / mean value",
            100 * dropout.rectified_error,
            above=1,
        ),
        say.mean(
            "L56.network",
            "For the network it is approximate, not exact: its probabilities are one "
            "to ten per cent away from the mean of all sub-networks.",
            "per cent, total variation distance",
            100 * dropout.distances["all"],
            above=1,
            below=10,
        ),
    ]


def baldi_claim(found: Mapping[str, Enumeration]) -> report.Claim:
    """Decide which mean of the sub-networks the rule is nearer to."""
    distances = found["with dropout"].distances
    source = "Baldi and Sadowski 2013, Understanding dropout, NIPS"
    return report.Claims(source=source, figure="distances").ratio(
        "baldi",
        "With dropout, the rule is nearer to the geometric mean of all sub-networks "
        "than to their arithmetic mean.",
        "total variation distance, geometric / arithmetic",
        (distances["geometric"], distances["all"]),
        below=1,
    )


def section(found: Mapping[str, Enumeration]) -> report.Section:
    """Show the sub-networks of networks with a narrow layer."""
    count = found["with dropout"].count
    rows = {
        "one sub-network (%)": lambda of: of.accuracies.mean(axis=1),
        "all averaged (%)": lambda of: of.scores["all"].mean().accuracy,
        "geometric mean of all (%)": lambda of: of.scores["geometric"].mean().accuracy,
        "rule (%)": lambda of: of.scores["rule"].mean().accuracy,
        "all averaged (nats)": lambda of: of.scores["all"].mean().loss,
        "rule (nats)": lambda of: of.scores["rule"].mean().loss,
        "distance (%)": lambda of: 100 * of.distances["all"],
    }
    return report.Section(
        "All sub-networks of a network",
        f"A layer of {count.bit_length() - 1} units between the image and another "
        f"hidden layer has {count:,} masks, each equally likely at rate 1/2. Every one "
        "is applied to every test image, in double precision. Networks trained without "
        "dropout are taken to pieces in the same way. The distance is the total "
        "variation between the probabilities of the rule and of all sub-networks "
        "averaged. So few units feel a mask more than a wide layer does; the distance "
        "of a wider one is in the table above.",
        report.Table(
            ("", *(f"trained {name}" for name in found)),
            [(title, *map(of, found.values())) for title, of in rows.items()],
            noisy.SPREAD,
        ),
        report.Curves(
            "subnetworks",
            {
                f"trained {name}": (
                    np.linspace(0, 100, of.count),
                    np.sort(of.accuracies, axis=1),
                )
                for name, of in found.items()
            },
            ("sub-networks that are less accurate (%)", "test accuracy (%)"),
            caption="Accuracy of every sub-network, from the worst to the best.",
        ),
        report.Forest(
            "distances",
            [
                "rule, from the arithmetic mean of probabilities",
                "rule, from the geometric mean of probabilities",
                "mean ReLU of a unit, error over its value",
            ],
            {
                "with dropout": [
                    100 * found["with dropout"].distances["all"],
                    100 * found["with dropout"].distances["geometric"],
                    100 * found["with dropout"].rectified_error,
                ]
            },
            "distance (%)",
            caption="How far the rule is from what it stands for: total variation from "
            "the means of all sub-networks, and the error of the mean behind a ReLU.",
        ),
    )
