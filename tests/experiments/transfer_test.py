"""The grid decides as it should, and a source that cannot be had is refused."""

import json
import pathlib

import jax
import numpy as np
import pytest

import launch
from experiments import pretrain, pretraining
from experiments import transfer as experiment
from experiments import transfer_methods as methods
from lec7 import models, report, runs, transfer
from lec7 import parameter_paths as paths

PLAN = methods.Plan(
    seeds=(0, 1, 2),
    rates=(0.1,),
    batch_size=8,
    updates=4,
    evaluate_every=4,
    examples=2,
    last_block="^classifier/",
)


@pytest.fixture(autouse=True)
def own_zoo(tmp_path, monkeypatch):
    """A zoo of the test's own."""
    monkeypatch.setenv("LEC7_ZOO_DIR", str(tmp_path / "zoo"))
    monkeypatch.setenv("LEC7_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "programs"))
    monkeypatch.chdir(tmp_path)


def outcome(test, place, rate=0.1):
    """Of four seeds and 40,000 examples, of which others are right for each method."""
    accuracy = test + (1 + place) * np.array([-0.001, 0.0005, -0.0005, 0.001])
    right = np.arange(40_000) < 40_000 * accuracy[:, None]
    order = np.random.default_rng(place).permutation(40_000)
    return methods.Outcome(rate, np.ones(4), accuracy, right[:, order], 10)


def cells(place, little, much, rate=0.1):
    """Return cells with the test accuracies of the four methods."""
    rows = dict(zip(methods.SIZES, (little, much), strict=True))
    return methods.Cells(
        name=place,
        place=place,
        outcomes={
            size: {
                method: outcome(value, i, rate)
                for i, (method, value) in enumerate(
                    zip(methods.METHODS, row, strict=True)
                )
            }
            for size, row in rows.items()
        },
        examples={"little": 100, "much": 1000},
        rates=(0.01, 0.1, 1.0),
    )


def decide(*of):
    """Return the claims on a grid."""
    found = experiment.Findings(of, network().card)
    return experiment.analyse(experiment.Config(), found).claims


def test_the_grid_is_decided_cell_by_cell():
    near = cells("near", (0.8, 0.95, 0.94, 0.93), (0.97, 0.95, 0.98, 0.99))
    far = cells("far", (0.7, 0.6, 0.65, 0.75), (0.97, 0.9, 0.94, 0.96))
    found = {claim.id: claim for claim in decide(near, far)}
    assert {id: claim.verdict for id, claim in found.items()} == {
        "L67.far": "supported",
        "L67.far.avoided": "contradicted",
        "L67.near": "supported",
        "L67.near.avoided": "supported",
        "L69.far.block": "supported",
        "L69.far.everything": "supported",
        "L69.near.block": "supported",
        "L69.near.everything": "supported",
        "L70.far.little": "supported",
        "L70.far.much": "supported",
        "L70.near.little": "supported",
        "L70.near.much": "contradicted",
        "L71.far.little": "supported",
        "L71.far.much": "contradicted",
        "L71.near.little": "supported",
        "L71.near.much": "supported",
    }
    assert found["L67.near.avoided"].effect == pytest.approx(15, abs=1e-3)
    assert found["L70.near.much"].effect == pytest.approx(-1, abs=1e-3)


def test_the_headline_says_what_the_verdicts_say():
    near = cells("near", (0.8, 0.95, 0.94, 0.93), (0.97, 0.95, 0.98, 0.99))
    far = cells("far", (0.7, 0.6, 0.65, 0.75), (0.97, 0.9, 0.94, 0.96))
    found = experiment.Findings((near, far), network().card)
    told = experiment.analyse(experiment.Config(), found).summary
    assert "gains test accuracy with little data of near" in told
    assert "loses test accuracy with much data of far" in told


def test_one_target_is_decided_without_the_other():
    near = cells("near", (0.8, 0.9, 0.9, 0.9), (0.9, 0.9, 0.9, 0.9))
    ids = {claim.id for claim in decide(near)}
    assert not any("far" in id for id in ids)
    assert len(ids) == 8


def test_a_best_rate_at_an_end_of_its_list_leaves_claims_untested():
    near = cells("near", (0.8, 0.9, 0.9, 0.9), (0.9, 0.9, 0.9, 0.9), rate=1.0)
    found = {claim.id: claim for claim in decide(near)}
    assert {claim.verdict for claim in found.values()} == {"untested"}
    told = "from scratch with little data of near: a best rate, 1, is the highest of"
    assert found["L67.near"].why.startswith(told)


def test_a_method_freezes_all_but_what_it_trains():
    model = models.ConvNet(num_classes=3, channels=(2, 2), dense=(3,))
    params = jax.eval_shape(
        lambda key: models.initialise(model, key, (4, 4, 1)), jax.random.key(0)
    )["params"]
    expected = {
        methods.HEAD: {"classifier/head"},
        methods.BLOCK: {
            *("classifier/Dense_0", "classifier/BatchNorm_0", "classifier/head")
        },
    }
    for method, trained in expected.items():
        known, _, _ = paths.flatten(params)
        mask = transfer.matches(params, methods.frozen(method, PLAN))
        free = {
            path.rpartition("/")[0]
            for path, frozen in zip(known, jax.tree.leaves(mask), strict=True)
            if not frozen
        }
        assert free == trained
    for method in (methods.SCRATCH, methods.ALL):
        assert methods.frozen(method, PLAN) is None


def test_little_data_are_as_many_examples_of_each_class():
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 0, 1, 2])
    drawn = methods.draw(labels, 3, 2, seed=0)
    np.testing.assert_array_equal(labels[drawn], [0, 0, 1, 1, 2, 2])
    assert len(set(drawn)) == 6
    with pytest.raises(runs.UsageError, match="examples=4: expected at most 3, which"):
        methods.draw(labels, 3, 4, seed=0)


def network():
    """Return a network as the zoo has it."""
    recipe = pretraining.Recipe(channels=(2,), dense=())
    card = transfer.Card(
        dataset="digits",
        num_classes=10,
        image_shape=[8, 8, 1],
        mean=[0.3],
        std=[0.4],
        architecture="ConvNet",
        fields=recipe.fields,
        seeds=[0, 1],
        accuracy={},
        config=pretraining.as_json(recipe),
        commit="unknown",
    )
    model = pretraining.make_model(card, 10)
    keys = jax.random.split(jax.random.key(0), 2)
    shapes = jax.eval_shape(
        jax.vmap(lambda key: models.initialise(model, key, (8, 8, 1))), keys
    )
    variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    return transfer.Network(variables, card)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (None, "there is no network 'letters'"),
        ("card.json", "letters/card.json is missing"),
        ("weights.msgpack", "letters/weights.msgpack is missing"),
    ],
)
def test_a_source_that_the_zoo_does_not_have_ends_the_run(harm, message, capsys):
    if harm:
        (transfer.save_network("letters", network()) / harm).unlink()
    words = ["--experiment=transfer", "--config.source=zoo:letters", "--workdir=run"]
    assert launch.main(["launch.py", *words]) == 4
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_last_block_that_the_network_does_not_have_is_refused(capsys):
    transfer.save_network("digits", network())
    words = ["--experiment=transfer", "--config.source=zoo:digits", "--workdir=run"]
    words += ["--config.target=digits", "--config.last_block=^Block_"]
    assert launch.main(["launch.py", *words]) == 2
    assert "--config.last_block=^Block_: pattern is" in capsys.readouterr().err


def test_a_network_of_an_architecture_that_is_not_known_is_refused():
    made = network()
    odd = made._replace(card=transfer.Card(**vars(made.card) | {"architecture": "X"}))
    transfer.save_network("odd", odd)
    context = runs.Context(pathlib.Path("run"), (), report.Progress())
    with pytest.raises(runs.UsageError, match="zoo:odd is a X; expected one of Conv"):
        pretraining.source("zoo:odd", pretraining.Recipe(), (0, 1), context)


def testpretraining_does_not_replace_a_network_trained_in_another_way():
    transfer.save_network("digits", network())
    config = pretrain.Config(dataset="digits", seeds=(0, 1))
    context = runs.Context(pathlib.Path("run"), (), report.Progress())
    with pytest.raises(runs.UsageError, match="has networks 'digits' trained in anoth"):
        pretrain.run(config, context)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("--config.target=a b c", "target"),
        ("--config.rates=0.1 -1", "rates"),
        ("--config.recipe.updates=0", "updates is 0; expected at least 1"),
    ],
)
def test_a_configuration_out_of_range_is_refused(setting, message, capsys):
    words = ["launch.py", "--experiment=transfer", *setting.split()]
    assert launch.main(words) == 2
    assert message in capsys.readouterr().err


def test_a_card_holds_the_recipe_in_the_types_of_json():
    recipe = pretraining.as_json(pretraining.Recipe())
    assert json.loads(json.dumps(recipe)) == recipe
