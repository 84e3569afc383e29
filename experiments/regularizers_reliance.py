"""How much the hidden units of a network rely on each other.

The hidden units h [F] are those between which and the logits there is one layer, so
that without unit j the logits are z - h_j w_j, with w_j the unit's row of that layer.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lec7 import data, report, train


class Reliance(NamedTuple):
    """Of M networks."""

    ablation: np.ndarray
    """Share of the correct predictions that become wrong without one hidden unit, the
    mean over its choice, in per cent, [M]."""
    correlation: np.ndarray
    """Root mean square correlation of two hidden units over examples, [M]."""
    falls: np.ndarray
    """The former for each unit that is ever active, from the largest, [M, F]; NaN in
    place of the others."""


def measure(
    model: nn.Module, population: train.Population, split: data.Split
) -> Reliance:
    """Return what the hidden units of the networks of a population owe to each other.

    The model has one hidden layer with dropout before its head, alone or behind
    convolutions as their `classifier`.
    """
    one = jax.jit(functools.partial(_measure, model))
    members = [
        jax.device_get(one(population.member(index), *split))
        for index in range(len(population.updates))
    ]
    ablation, correlation, falls = map(np.stack, zip(*members, strict=True))
    return Reliance(100 * ablation, correlation, 100 * falls)


def _measure(
    model: nn.Module, variables: Mapping[str, Any], images: jax.Array, labels: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the measures of one network: [], [] and [F]."""
    logits, seen = model.apply(
        variables,
        images,
        train=False,
        mutable=["intermediates"],
        capture_intermediates=lambda layer, _: isinstance(layer, nn.Module),
    )
    seen, params = (
        of.get("classifier", of) for of in (seen["intermediates"], variables["params"])
    )
    (hidden,) = seen["Dropout_0"]["__call__"]
    weights = params["head"]["kernel"]
    right = jnp.argmax(logits, axis=1) == labels

    def without(unit, row):
        kept = jnp.argmax(logits - unit[:, None] * row[None], axis=1) == labels
        return jnp.sum(right & ~kept) / jnp.sum(right)

    falls = jax.lax.map(lambda pair: without(*pair), (hidden.T, weights))
    active = jnp.std(hidden, axis=0) > 0
    mean = jnp.sum(jnp.where(active, falls, 0)) / jnp.sum(active)
    centred = hidden - hidden.mean(axis=0, keepdims=True)
    scale = jnp.where(active, jnp.sqrt(jnp.sum(centred**2, axis=0)), 1)
    correlations = (centred / scale[None]).T @ (centred / scale[None])
    pairs = active[:, None] & active[None] & ~jnp.eye(len(active), dtype=bool)
    square = jnp.sum(jnp.where(pairs, correlations**2, 0)) / jnp.sum(pairs)
    ordered = -jnp.sort(-jnp.where(active, falls, -jnp.inf))
    return mean, jnp.sqrt(square), jnp.where(jnp.isfinite(ordered), ordered, jnp.nan)


def claims(found: Mapping[str, Reliance]) -> list[report.Claim]:
    """Decide whether dropout stops features from relying on each other."""
    if not found:
        return []
    say = report.Claims(source="lecture, 0:58:24", figure="ablation")
    with_it, without = found["dropout"], found["none"]
    return [
        say.paired(
            "L53.ablation",
            "Dropout stops features from relying on each other: when one hidden unit "
            "is taken away, fewer correct test predictions become wrong.",
            "per cent of correct predictions, dropout − none",
            (with_it.ablation, without.ablation),
            below=0,
        ),
        say.paired(
            "L53.correlation",
            "Dropout makes features less alike: hidden units are less correlated over "
            "the test examples.",
            "root mean square correlation, dropout − none",
            (with_it.correlation, without.correlation),
            below=0,
        ),
    ]


def section(found: Mapping[str, Reliance]) -> report.Section:
    """Show what hidden units owe to each other."""
    return report.Section(
        "Do features rely on each other?",
        "Features that rely on each other fail together. So a hidden unit of the last "
        "layer but one is taken away, each in turn, and the predictions that become "
        "wrong are counted; units that are never active are left out. Dropout trains "
        "for just this, so the table also gives the correlation of the units over the "
        "test images, which nothing trains for.",
        report.Table(
            ("regulariser", "lost without one unit (%)")
            + ("correlation of two units (root mean square)",),
            [(name, of.ablation, of.correlation) for name, of in found.items()],
        ),
        report.Curves(
            "ablation",
            {
                name: (np.arange(1, of.falls.shape[1] + 1), of.falls)
                for name, of in found.items()
            },
            ("rank of the hidden unit", "correct predictions lost without it (%)"),
            caption="Share of the correct test predictions that become wrong when one "
            "hidden unit is taken away, for each unit of a network from the most "
            "important to the least.",
        ),
    )
