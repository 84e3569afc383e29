"""The table of architectures by name."""

import types

import jax
import pytest

from lec7 import models
from lec7.models import architectures

DATASET = types.SimpleNamespace(num_classes=7)
PARAMETERS = {"resnet20": 0.27, "resnet56": 0.85, "resnet110": 1.7}


@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
@pytest.mark.parametrize("shape", [(32, 32, 3), (8, 9, 1), (40, 1)])
def test_every_network_has_a_logit_for_each_class(name, shape):
    model = models.make(name, DATASET)
    examples = jax.ShapeDtypeStruct((2, *shape), "float32")

    def logits(examples):
        variables = model.init(jax.random.key(0), examples, train=False)
        return model.apply(variables, examples, train=False)

    assert jax.eval_shape(logits, examples).shape == (2, 7)


@pytest.mark.parametrize("name", PARAMETERS)
def test_residual_networks_have_as_many_parameters_as_in_the_paper(name):
    """In millions, He et al. 2016, table 6."""
    model = models.make(name, num_classes=10)
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), "float32")
    start = jax.eval_shape(
        lambda images: model.init(jax.random.key(0), images, train=False), images
    )
    found = sum(leaf.size for leaf in jax.tree.leaves(start["params"])) / 1e6
    assert found == pytest.approx(PARAMETERS[name], rel=0.03)


def test_fields_replace_what_the_name_stands_for():
    model = models.make("resnet18", DATASET, blocks=(1, 1), num_classes=3)
    assert (model.blocks, model.channels, model.num_classes) == ((1, 1), 64, 3)


@pytest.mark.parametrize(
    "name, fields, message",
    [
        ("resnet65", {}, "architecture is 'resnet65'; .*; did you mean resnet56?"),
        ("MLP", {}, "name of an architecture is 'MLP'; expected one of mlp, "),
        ("mlp", {"width": 3}, "field of mlp is 'width'; .*; did you mean widths?"),
        ("resnet20", {"batch_norm": True}, "field of resnet20 is 'batch_norm'; "),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest(name, fields, message):
    with pytest.raises(ValueError, match=message):
        models.make(name, DATASET, **fields)
