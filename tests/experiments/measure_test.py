import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from experiments import measure
from experiments import measure_problem as problems
from lec7 import data, losses, models, report, runs, sharpness, train
from tests.models import torchvision_names

MODULE = """
import jax.numpy as jnp
import numpy as np

BATCHES = [np.ones((2, 3), np.float32)]
PARAMS = np.ones(3, np.float32)

def loss_fn(params, batch):
    return jnp.mean((batch @ params) ** 2)

def problem(path):
    return loss_fn, PARAMS * float(path.read_text()), BATCHES

def one_thing(path):
    return loss_fn

def two_things(path):
    return PARAMS, BATCHES

def swapped(path):
    return PARAMS, loss_fn, BATCHES

def whole_numbers(path):
    return loss_fn, np.ones(3, np.int32), BATCHES

def no_batches(path):
    return loss_fn, PARAMS, []

def vector_loss(path):
    return lambda params, batch: batch @ params, PARAMS, BATCHES

def with_data(path, dataset):
    images = dataset.train.images.reshape(len(dataset.train.labels), -1)
    return loss_fn, np.ones(images.shape[1], np.float32), [images]

def infinite_loss(path):
    return lambda params, batch: jnp.mean(batch @ params) / 0, PARAMS, BATCHES
"""


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A checkpoint that is one number, and a module in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    pathlib.Path("minima.py").write_text(MODULE)
    pathlib.Path("lacking.py").write_text("import nothing_of_this_name\n")
    path = tmp_path / "checkpoint.txt"
    path.write_text("2.0")
    return path


def test_the_function_is_given_the_path(checkpoint):
    problem = problems.build("minima:problem", checkpoint)
    np.testing.assert_array_equal(problem.params, 2 * np.ones(3))
    assert float(problem.loss_fn(problem.params, problem.batches[0])) == 36


def test_the_function_is_given_the_data_set_if_it_has_an_argument_for_it(checkpoint):
    problem = problems.build("minima:with_data", checkpoint, "digits")
    assert problem.batches[0].shape == (1024, 64)
    with pytest.raises(runs.UsageError, match="glyphs: minima:problem takes no data s"):
        problems.build("minima:problem", checkpoint, "glyphs", chosen=True)
    problems.build("minima:problem", checkpoint, "glyphs")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("minimal:problem", "there is no module minimal; expected one that"),
        ("minima.inner:problem", "there is no module minima.inner; expected one that"),
        ("minima:problen", "minima has no function problen.*did you mean problem"),
        ("minima:PARAMS", "minima has no function PARAMS; expected one that takes"),
        ("minima:one_thing", "it returned a function; expected a tuple of three"),
        ("minima:two_things", "it returned a tuple of 2; expected a tuple of three"),
        ("minima:swapped", "first that it returned is a ndarray; expected loss_fn"),
        ("minima:whole_numbers", "has the dtype int32"),
        ("minima:no_batches", "batches is empty"),
        ("minima:vector_loss", r"the loss is .* expected one finite number"),
        ("minima:infinite_loss", "the loss is inf; expected one finite number"),
    ],
)
def test_a_wrong_problem_is_one_message(checkpoint, name, message):
    with pytest.raises(runs.UsageError, match=message) as caught:
        problems.build(name, checkpoint)
    assert str(caught.value).startswith(f"--config.problem={name}: ")


def test_a_module_that_lacks_another_says_which(checkpoint):
    with pytest.raises(ModuleNotFoundError, match="nothing_of_this_name"):
        problems.build("lacking:problem", checkpoint)


def test_a_missing_checkpoint_ends_the_run_as_one(checkpoint):
    missing = checkpoint.with_name("nowhere")
    with pytest.raises(train.CheckpointError, match="nowhere: there is no") as caught:
        problems.build("minima:problem", missing)
    assert runs.exit_code(caught.value) == 4


def test_the_checkpoint_of_a_deeper_network_is_not_measured_in_part(tmp_path):
    deeper = models.MLP(10, widths=(128, 128, 128))
    train.save(
        tmp_path, models.initialise(deeper, jax.random.key(0), (8, 8, 1)), step=1
    )
    with pytest.raises(models.WeightsError, match="of another network: .*Dense_2"):
        problems.build(measure.Config().problem, tmp_path, "digits")


@pytest.fixture
def images(monkeypatch):
    """Load three classes of noise in place of any data set."""
    draw = np.random.default_rng(0)
    split = data.Split(np.float32(draw.uniform(size=(6, 8, 8, 3))), np.arange(6) % 3)
    monkeypatch.setattr(data, "load", lambda name: data.Dataset(name, 3, split))


def test_a_resnet_of_torchvision_is_measured_on_a_data_set(images, tmp_path):
    path = tmp_path / "own.safetensors"
    safetensors.numpy.save_file(torchvision_names.state_dict("tiny", 3), path)
    problem = problems.build(measure.Config().problem, path, "own")
    (batch,) = problem.batches
    mean, std = np.float32(models.IMAGENET_MOMENTS)
    raw = data.load("own").train.images
    np.testing.assert_allclose(batch.images, (raw - mean) / std, rtol=1e-5)
    model = models.resnet_of(path)
    variables = models.load_pretrained(path, torchvision_names.variables(model))[0]
    logits = model.apply(variables, batch.images, train=False)
    loss = losses.cross_entropy(logits, batch.labels).mean()
    np.testing.assert_allclose(problem.loss_fn(problem.params, batch), loss, rtol=1e-4)


def test_a_network_of_other_classes_than_the_data_set_is_refused(images, tmp_path):
    path = tmp_path / "own.safetensors"
    safetensors.numpy.save_file(torchvision_names.state_dict("tiny", 5), path)
    with pytest.raises(runs.UsageError, match="own has 3 classes, and .* 5; expected"):
        problems.build(measure.Config().problem, path, "own")


def test_a_resnet_takes_no_sequences(tmp_path):
    path = tmp_path / "own.safetensors"
    safetensors.numpy.save_file(torchvision_names.state_dict("tiny", 10), path)
    with pytest.raises(runs.UsageError, match=r"of the shape \[40, 1\]; expected ima"):
        problems.build(measure.Config().problem, path, "mnist1d")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"problem": "minima"}, "problem is 'minima'; expected MODULE:FUNCTION"),
        ({"problem": "mini/ma:f", "checkpoint": "x"}, "expected MODULE:FUNCTION"),
        ({"problem": "minima:f"}, "checkpoint is empty; expected the path"),
        ({"factor": 0.0}, "factor is 0.0; expected more than 0"),
        ({"measures": ("hessian_tarce",)}, "did you mean hessian_trace?"),
        ({"measures": ("keskar", "keskar")}, "expected different ones of keskar, "),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        measure.Config(**settings)


@pytest.mark.parametrize(
    ("layers", "activation", "message"),
    [
        (("a",), jnp.abs, "there are 1 layers with a kernel"),
        (("a", "b"), jnp.tanh, "the loss goes from .* so this is not a ReLU network"),
    ],
)
def test_what_cannot_be_rescaled_is_said(layers, activation, message):
    def loss_fn(params, batch):
        for layer in params.values():
            batch = activation(batch @ layer["kernel"])
        return jnp.mean(batch)

    params = {name: {"kernel": 0.5 * jnp.eye(2)} for name in layers}
    problem = problems.Problem(loss_fn, params, [jnp.ones((2, 2))])
    with pytest.raises(ValueError, match=message):
        measure.rescaled(problem, 10.0)


def test_a_measure_that_refuses_the_problem_is_named(checkpoint):
    config = measure.Config(
        checkpoint=str(checkpoint), problem="minima:problem", measures=("m_sharpness",)
    )
    context = runs.Context(checkpoint.parent, (), report.Progress())
    problem = problems.build(config.problem, checkpoint)
    with pytest.raises(
        runs.UsageError, match="m_sharpness refuses it: m is 16; expected"
    ):
        measure.take_card(config, context, problem, "card")


CONFIG = measure.Config(**measure.SMALL)


def card(**values):
    """A card of two keys, on which one measure is invariant."""
    settings = {"key": [0, 0], "dtype": "float32", "examples": 16, "rho": 0.05}
    return {
        name: tuple(
            sharpness.Row(name, value * key, 0.0, settings, 2.0, name == "fisher_rao")
            for key in (1.0, 1.1)
        )
        for name, value in values.items()
    }


@pytest.mark.parametrize(
    ("raw", "own", "verdict"),
    [(28.0, 1 + 1e-5, "supported"), (0.9, 1.1, "contradicted")],
)
def test_a_rescaling_moves_what_is_raw_and_leaves_what_is_invariant(raw, own, verdict):
    before = card(hessian_max=2.0, fisher_rao=3.0)
    after = card(hessian_max=2 * raw, fisher_rao=3 * own)
    told = measure.analyse(CONFIG, measure.Findings("path", before, after, ""))
    kinds = dict.fromkeys(("Dinh.invariant", "Dinh.raw"), "identity")
    assert {claim.id: claim.kind for claim in told.claims} == kinds
    assert {claim.verdict for claim in told.claims} == {verdict}


def test_a_card_that_cannot_be_taken_again_has_no_claims():
    found = measure.Findings("path", card(frobenius=2.0), None, "there is one layer")
    told = measure.analyse(CONFIG, found)
    assert told.claims == []
    assert "Frobenius norm of the Hessian of 2.1" in told.summary
    assert told.summary.endswith("The layers were not rescaled: there is one layer.")
