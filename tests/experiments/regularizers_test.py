"""The experiment `regularizers`: its statistics, its measures and its claims."""

import functools
import re
import shlex
import types

import jax
import numpy as np
import pytest

from experiments import regularizers
from experiments import regularizers_recipes as recipes
from experiments import regularizers_reliance as reliance
from experiments import regularizers_strengths as strengths
from lec7 import data, models, runs, train

SEEDS = 4


@functools.cache
def regularisers():
    return recipes.all_of(
        recipes.augmentations(np.random.default_rng(0).uniform(size=(9, 8, 8, 1))),
        channels=(2, 3),
        units=5,
        batch_size=8,
    )


def population(train_accuracy, test_accuracy, reached=1, seed=0):
    noise = 1e-3 * np.random.default_rng(seed).normal(size=(4, SEEDS))
    accuracy = {"train": train_accuracy, "validation": test_accuracy}
    final = {
        f"{split}_accuracy": value + row
        for (split, value), row in zip(
            (accuracy | {"test": test_accuracy}).items(), noise, strict=False
        )
    }
    looks = np.arange(6)[:, None] + np.zeros(SEEDS, int) * 0
    late = reached + (np.arange(SEEDS) % 2)
    history = {
        "train_loss": np.where(looks >= late[None], 0.05, 1.0),
        "train_loss_step": 10 * np.arange(1, 7) - 1,
    }
    return train.Record(np.full(SEEDS, 60), history, final)


def right(of, order):
    """Whether 10,000 examples are right, of which others for each regulariser."""
    few = np.arange(10_000) < 10_000 * of.final["test_accuracy"][:, None]
    return few[:, np.random.default_rng(order).permutation(10_000)]


def study_of(test_accuracy, names=recipes.NAMES, reached=None):
    """A study in which the regulariser NAME has the accuracy `test_accuracy[NAME]`."""
    every = regularisers()
    wanted = {"none", *names} | {every[name].control for name in names}
    trained = {}
    for index, (name, each) in enumerate(every.items()):
        if name in wanted:
            accuracy = test_accuracy.get(name, 0.8)
            trained[name] = strengths.Trained(
                each.strength,
                each.control,
                records := {
                    strength: population(
                        1.0,
                        accuracy - 0.02 * (len(each.recipes) - 1 - place),
                        (reached or {}).get(name, 1),
                        seed=10 * index + place,
                    )
                    for place, strength in enumerate(each.recipes)
                },
                {strength: right(of, index) for strength, of in records.items()},
            )
    return trained


def relied(with_it, without):
    spread = 0.01 * np.arange(SEEDS)
    return {
        name: reliance.Reliance(
            value + spread * scale, value + spread * scale, np.ones((SEEDS, 3))
        )
        for name, value, scale in (("dropout", with_it, 1), ("none", without, 2))
    }


def verdicts(trained, pair=(1.0, 2.0)):
    config = regularizers.Config(targets=(0.1,))
    used = relied(*pair) if "dropout" in trained else {}
    examples = {split: 100 for split in ("train", "validation", "test")}
    found = regularizers.Findings(trained, used, examples, 10)
    told = regularizers.analyse(config, found)
    return {claim.id: claim.verdict for claim in told.claims}


def test_every_claim_of_the_lecture_is_decided_for_regularisers_that_work():
    better = dict.fromkeys(recipes.NAMES, 0.9) | {"L2": 0.85}
    found = verdicts(study_of(better, reached={"dropout": 3}))
    assert set(found) == {
        *("L51", "L52", "L52.channel", "L53.ablation", "L53.correlation"),
        *(
            "L58.longer.0.1",
            "L59",
            "L59.noise",
            "L60",
            "L60.tuned",
            "L61",
        ),
        *("L63", "L63.alike", "L64", "L65", "L66"),
    }
    assert set(found.values()) == {"supported"}


def test_claims_of_regularisers_that_harm_are_contradicted():
    worse = dict.fromkeys(recipes.NAMES, 0.7) | {"L2": 0.8}
    found = verdicts(study_of(worse | {"dropout": 0.75}, reached={"none": 3}), (2, 1))
    for id in ("L51", "L52", "L53.ablation", "L58.longer.0.1", "L65"):
        assert found[id] == "contradicted", id
    assert found["L63.alike"] == "contradicted"
    assert found["L66"] == "contradicted"  # L2 is 10 points better than BatchNorm


def test_only_what_was_compared_is_decided():
    found = verdicts(study_of({}, names=("dropout", "stochastic depth")))
    expected = {
        "L52",
        "L53.ablation",
        "L53.correlation",
        "L58.longer.0.1",
    }
    assert set(found) == expected | {"L65"}


def test_validation_chooses_the_strength_and_every_regulariser_meets_its_control():
    found = study_of({"dropout": 0.9, "fixed regions": 0.7})
    assert found["dropout"].best == "0.75"
    examples = {split: 100 for split in ("train", "validation", "test")}
    told = regularizers.analyse(
        regularizers.Config(targets=(0.1,)),
        regularizers.Findings(found, relied(1, 2), examples, 10),
    )
    rows = {row[0]: row for row in told.sections[1].parts[1].rows}
    assert {name for name, row in rows.items() if row[4] != "–"} == {*recipes.NAMES}
    verdicts = {claim.id: claim.verdict for claim in told.claims}
    assert rows["dropout"][-1] == verdicts["L52"] == "supported"
    assert rows["fractional pooling"][4] == "fixed regions"
    assert rows["augmentation"][-1] == verdicts["L61"] == "inconclusive"
    assert "dropout (+10" in told.summary


def test_no_interval_of_an_accuracy_ends_above_100():
    low, mean, high = regularizers._of_accuracy([100.0, 98.0, 99.9])
    assert low < mean < high == 100


def test_it_is_not_tested_how_long_a_loss_takes_that_some_never_reach():
    assert verdicts(study_of({}, reached={"none": 9}))["L58.longer.0.1"] == "untested"


def test_a_loss_that_never_meets_the_target_counts_all_updates():
    found = study_of({}, reached={"none": 9})
    np.testing.assert_array_equal(found["none"].updates_to(0.1), [60] * SEEDS)
    assert found["none"].unreached(0.1) == SEEDS and not found["L2"].unreached(0.1)
    np.testing.assert_array_equal(found["L2"].updates_to(0.1), [20, 30, 20, 30])


@pytest.mark.parametrize("name", recipes.NAMES)
def test_a_regulariser_adds_no_weights_to_its_control(name):
    every = regularisers()
    shape = (8, 8, 1)

    def kernels(regulariser):
        return [
            [
                leaf.shape
                for path, leaf in jax.tree_util.tree_leaves_with_path(variables)
                if path[-1].key == "kernel"
            ]
            for variables in (
                jax.eval_shape(
                    functools.partial(
                        models.initialise,
                        recipe.build(num_classes=3),
                        jax.random.key(0),
                        shape,
                    )
                )
                for recipe in regulariser.recipes.values()
            )
        ]

    controls = kernels(every[every[name].control])
    for index, found in enumerate(kernels(every[name])):
        assert found == controls[min(index, len(controls) - 1)]


def test_reliance_is_what_taking_units_away_costs():
    model = models.ConvNet(3, channels=(2,), dense=(6,), batch_norm=False)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(40, 4, 4, 1)).astype(np.float32)
    variables = models.initialise(model, jax.random.key(3), (4, 4, 1))
    bias = variables["params"]["classifier"]["Dense_0"]["bias"]
    variables["params"]["classifier"]["Dense_0"]["bias"] = bias.at[0].set(-100)
    run = jax.jit(functools.partial(model.apply, train=False))
    labels = np.asarray(run(variables, images)).argmax(1)
    labels[:5] = (labels[:5] + 1) % 3  # some answers are wrong to begin with

    kernel = np.asarray(variables["params"]["classifier"]["head"]["kernel"])
    lost = []
    for unit in range(6):
        head = {**variables["params"]["classifier"]["head"]}
        head["kernel"] = np.where(np.arange(6)[:, None] == unit, 0, kernel)
        classifier = {**variables["params"]["classifier"], "head": head}
        params = {**variables["params"], "classifier": classifier}
        answers = np.asarray(run({"params": params}, images)).argmax(1)
        lost.append(100 * (answers != labels)[5:].sum() / 35)

    one = types.SimpleNamespace(updates=[0], member=lambda _: variables)
    found = reliance.measure(model, one, data.Split(images, labels))
    assert lost[0] == 0 and max(lost) > 0  # the first unit is never active
    np.testing.assert_allclose(found.ablation, [np.mean(lost[1:])], rtol=1e-5)
    np.testing.assert_allclose(found.falls[0, :5], np.sort(lost[1:])[::-1], rtol=1e-5)
    assert np.isnan(found.falls[0, 5])
    assert 0 < found.correlation[0] < 1


def test_a_subset_has_the_first_examples_of_every_class():
    labels = np.array([1, 0, 1, 0, 0, 1])
    split = data.Split(np.arange(6.0)[:, None, None, None], labels)
    few = regularizers.subset(split, 2)
    np.testing.assert_array_equal(few.images[:, 0, 0, 0], [0, 1, 2, 3])
    with pytest.raises(runs.UsageError, match="per_class=4: expected at most 3"):
        regularizers.subset(split, 4)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"batch_size": 6}, "batch_size is 6; expected a multiple of 4"),
        ({"channels": ()}, r"channels is \(\); expected one or more"),
        ({"regularisers": ("dropuot",)}, "expected different ones of L2, dropout"),
    ],
)
def test_a_wrong_field_is_named(field, message):
    with pytest.raises(ValueError, match=message):
        regularizers.Config(**field)


@pytest.mark.parametrize(
    ("shape", "model", "lacking"),
    [
        ((8, 6, 1), "convnet", {"augmentation"}),
        ((8, 8, 1), "mlp", {"channel dropout", "fractional pooling"}),
        ((8, 6, 1), "resnet20", {*recipes.NAMES} - {"L2", "stochastic depth"}),
        (
            (40, 1),
            "resnet20",
            {*recipes.NAMES} - {"L2", "augmentation", "stochastic depth"},
        ),
    ],
)
def test_what_a_network_or_its_examples_cannot_have_is_one_message(
    shape, model, lacking
):
    images = np.zeros((4, *shape), np.float32)
    rest = tuple(name for name in recipes.NAMES if name not in lacking)
    chosen = tuple(reversed(recipes.NAMES))  # not the default, which takes what it can
    config = regularizers.Config(model=model, regularisers=chosen)
    expected = re.escape(f"regularisers {shlex.join(reversed(rest))}")
    with pytest.raises(runs.UsageError, match=expected):
        regularizers._wanted(config, images)
    for regularisers in (rest, recipes.NAMES):
        config = regularizers.Config(model=model, regularisers=regularisers)
        wanted = {*regularizers._wanted(config, images)}
        assert {*rest, "none"} <= wanted and not wanted & lacking
