"""What is compared: every regulariser, its strengths, and the network without it."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from flax import linen as nn

from experiments import training
from lec7 import data, models
from lec7.data import augment

NONE, PLAIN, FIXED = "none", "residual network", "fixed regions"
NAMES = ("L2", "dropout", "channel dropout", "DropConnect", "BatchNorm") + (
    "BatchNorm + dropout",
    "augmentation",
    "fractional pooling",
    "stochastic depth",
)
"""All regularisers that have a control."""
NEEDS = {
    "dropout": "dropout",
    "channel dropout": "channel_dropout",
    "DropConnect": "drop_connect",
    "BatchNorm": "ghost_size",
    "BatchNorm + dropout": "dropout",
    "fractional pooling": "pool_ratio",
}
"""Regulariser -> the field that a network must have for it."""
RATES = (0.25, 0.5, 0.75)
CHANNEL_RATES = (0.1, 0.25, 0.5)
DECAYS = (3e-3, 1e-2, 3e-2)
RATIOS = (1.25, 1.4, 1.6)
DEPTH_RATES = (0.1, 0.25, 0.5)
AMOUNTS = (0.1, 0.2, 0.4)


class Recipe(NamedTuple):
    """How one population is trained."""

    build: Callable[..., nn.Module]
    """Given the number of classes, makes the network."""
    decay: float = 0.0
    """Coefficient of L2, that of half the squared norm in the loss."""
    augmentation: augment.Augment | None = None


class Regulariser(NamedTuple):
    """One row of the comparison."""

    strength: str
    """What its strength is."""
    recipes: Mapping[str, Recipe]
    """Strength -> recipe, from weak to strong."""
    control: str | None = NONE
    """What it is compared with, the same but for what it adds; None for a control."""


def all_of(
    transforms: Mapping[str, augment.Augment],
    *,
    model: str = "convnet",
    channels: tuple[int, ...],
    units: int,
    batch_size: int,
) -> dict[str, Regulariser]:
    """Return every regulariser by its name, of those that a network can have.

    A regulariser and its control share initial weights, batches, updates and learning
    rate. Two regularisers need a network of their own: fractional pooling, whose images
    shrink less, and stochastic depth, which drops residual blocks. Their controls are
    these networks with fixed regions and with all blocks.
    """
    sizes = {"convnet": {"channels": channels, "dense": (units,)}}
    own = {"batch_norm": False, "widths": (units,)} | sizes.get(model, {})
    is_residual = "stochastic_depth" in models.fields_of(model)

    def network(**options):
        return training.named(model, **own | options)

    def residual(rate: float = 0.0):
        if is_residual:
            return network(stochastic_depth=rate)
        return functools.partial(
            models.ResNet,
            blocks=(2,) * len(channels),
            channels=max(1, channels[0] // 2),
            stochastic_depth=rate,
        )

    def dropping(what: str, rates: tuple[float, ...], **options) -> Regulariser:
        recipes = {
            f"{rate:g}": Recipe(network(**{what: rate}, **options)) for rate in rates
        }
        return Regulariser("drop rate", recipes)

    every = {
        NONE: Regulariser("", {"": Recipe(network())}, None),
        "L2": Regulariser(
            "coefficient",
            {f"{rate:g}": Recipe(network(), decay=rate) for rate in DECAYS},
        ),
        "dropout": dropping("dropout", RATES),
        "channel dropout": dropping("channel_dropout", CHANNEL_RATES),
        "DropConnect": dropping("drop_connect", RATES),
        "BatchNorm": Regulariser(
            "examples normalised together",
            {
                f"{size or batch_size}": Recipe(
                    network(batch_norm=True, ghost_size=size)
                )
                for size in (None, batch_size // 2, batch_size // 4)
            },
        ),
        "BatchNorm + dropout": dropping("dropout", RATES, batch_norm=True),
        "augmentation": Regulariser(
            "enlargement, change of light",
            {
                name: Recipe(network(), augmentation=transform)
                for name, transform in transforms.items()
            },
        ),
        FIXED: Regulariser(
            "pooling ratio",
            {
                f"{ratio:g}": Recipe(network(pool_ratio=ratio, pool_regions="fixed"))
                for ratio in RATIOS
            },
            None,
        ),
        "fractional pooling": Regulariser(
            "pooling ratio",
            {f"{ratio:g}": Recipe(network(pool_ratio=ratio)) for ratio in RATIOS},
            FIXED,
        ),
        PLAIN: Regulariser("", {"": Recipe(residual())}, None),
        "stochastic depth": Regulariser(
            "drop rate of the last block",
            {f"{rate:g}": Recipe(residual(rate)) for rate in DEPTH_RATES},
            NONE if is_residual else PLAIN,
        ),
    }
    lacking = {
        name for name, field in NEEDS.items() if field not in models.fields_of(model)
    }
    if not transforms:
        lacking.add("augmentation")
    return {name: each for name, each in every.items() if name not in lacking}


def augmentations(images: np.ndarray) -> dict[str, augment.Augment]:
    """Return enlargements, shifts and changes of light, by their strength.

    Strength a shows a part of an image that is up to 1 + a times enlarged, shifts it by
    up to a / 4 of its side, and multiplies brightness and contrast by 1 - a to 1 + a.
    No image is mirrored, as mirrored digits and letters are other characters or none. A
    sequence is stretched and shifted. Images that are not square have none.

    Args:
      images: before they are standardised, [N, S, S, C], or sequences [N, L, C].
    """
    side, *others = images.shape[1:-1] or (0,)
    if others not in ([], [side]) or not side:
        return {}
    moments = dict(zip(("mean", "std"), data.channel_moments(images), strict=True))

    def of(amount: float) -> augment.Augment:
        moves = (
            augment.random_crop(side, padding=round(amount / 4 * side)),
            augment.multi_scale_crop(
                side, short_side=(side, side + round(amount * side))
            ),
        )
        if not others:
            return augment.compose(*moves)
        light = augment.colour_jitter(brightness=amount, contrast=amount)
        pixels = (*moves, light)
        return augment.compose(*(augment.on_pixels(x, **moments) for x in pixels))

    return {f"{amount:g}": of(amount) for amount in AMOUNTS}
