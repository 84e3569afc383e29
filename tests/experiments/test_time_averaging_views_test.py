"""Views of an image are averaged as probabilities."""

import jax
import numpy as np

from experiments import test_time_averaging_layers as noisy
from experiments import test_time_averaging_views as views
from lec7 import data, models
from lec7.ensembles.scores import of_probabilities

SHAPE, CLASSES = (4, 4, 1), 3


def test_views_of_an_image_are_averaged_as_probabilities():
    model = models.MLP(num_classes=CLASSES, widths=())
    draw = np.random.default_rng(2)
    images = draw.normal(size=(16, *SHAPE)).astype(np.float32)
    split = data.Split(images, draw.integers(CLASSES, size=16).astype(np.int32))
    variables = models.initialise(model, jax.random.key(0), SHAPE)
    found = views.measure(noisy.Networks(model, [variables]), split, padding=1)

    def score(*several):
        logits = [model.apply(variables, view, train=False) for view in several]
        mean = np.mean([jax.nn.softmax(f) for f in logits], axis=0)
        return tuple(of_probabilities(mean, split.labels))

    padded = np.pad(split.images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    corners = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    crops = [padded[:, y : y + 4, x : x + 4] for y, x in corners]
    mirrored = [np.flip(crop, 2) for crop in crops]
    for name, several in {
        "image": [split.images],
        "image and mirror": [split.images, np.flip(split.images, 2)],
        "five crops": crops,
        "ten crops": crops + mirrored,
    }.items():
        one = [score_of[0] for score_of in found[name].mean()]
        np.testing.assert_allclose(one, score(*several), rtol=1e-5)
