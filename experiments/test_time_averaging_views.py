"""Several views of an image, whose predictions are averaged at test."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from experiments import test_time_averaging_layers as noisy
from lec7 import data, ensembles, report
from lec7.data import augment
from lec7.ensembles import scores

Views = Mapping[str, Mapping[str, scores.Scores]]


def measure(
    found: noisy.Networks, split: data.Split, padding: int
) -> dict[str, scores.Scores]:
    """Score averages over views of each test image, [M, N].

    Crops are of images with a border, as in training: one in the centre is the image.
    """
    border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    crops = augment.ten_crop(jnp.pad(split.images, border), split.images.shape[1])
    shown = {
        "image": split.images[None],
        "image and mirror": augment.flip_views(split.images),
        "five crops": crops[:5],
        "ten crops": crops,
    }
    predictors = [ensembles.deterministic(found.model, m) for m in found.members]
    return {
        name: scores.of_probabilities(
            np.stack([ensembles.average_views(p, several).mean for p in predictors]),
            split.labels,
            each=True,
        )
        for name, several in shown.items()
    }


def claims(found: Views) -> list[report.Claim]:
    """Decide what averaging views gains."""
    say = report.Claims(source="lecture, 1:05:25", figure="views")
    rows = [
        ("L62", "crops and flips", "ten crops", "crops and mirror images"),
        ("L62.crops", "crops", "five crops", "crops alone"),
    ]
    decided = []
    for id, training, views, words in rows if found else []:
        several, image = found[training][views], found[training]["image"]
        text = f"For networks trained with {words}, averaging {views} at test"
        decided += [
            say.paired(
                f"{id}.accuracy",
                f"{text} improves the accuracy.",
                f"points of test accuracy, {views} − image",
                (several.accuracy, image.accuracy),
                above=0,
            ),
            say.paired(
                f"{id}.loss",
                f"{text} lowers the loss.",
                f"nats, {views} − image",
                (several.loss, image.loss),
                below=0,
            ),
        ]
    return decided


def section(found: Views, padding: int) -> report.Section:
    """Show what several views of an image gain."""
    ten, image = (
        report.format_spread(found[training][name].mean().accuracy)
        for training, name in (("crops and flips", "ten crops"), ("crops", "image"))
    )
    return report.Section(
        "Views of an image",
        f"Images have a border of {padding} pixel{'s' * (padding > 1)}, from which "
        "training takes random crops of the old size, and a test four corners and the "
        "centre, which is the image. The mirror image of a character is another "
        "character, or none at all; networks whose batches were only cropped have "
        "never met mirror images. Ten crops bring networks that have met them to a "
        f"test accuracy of {ten} %; those trained with crops alone have {image} % on "
        "the image.",
        report.Paired(
            "views",
            {
                f"{name}: {quantity}": [
                    getattr(of.mean(), field) for of in several.values()
                ]
                for name, several in found.items()
                for field, quantity in (
                    ("accuracy", "accuracy (%)"),
                    ("loss", "loss (nats)"),
                )
            },
            tuple(next(iter(found.values()))),
            caption="Test accuracy and loss of probabilities averaged over views, by "
            "how batches were augmented in training.",
        ),
    )
