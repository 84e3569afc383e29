"""Which networks are pairs, how units are renumbered, and what a barrier is."""

import dataclasses
import types

import jax
import numpy as np
import pytest

from experiments import mode_connectivity, training
from experiments import mode_connectivity_plane as plane
from lec7 import data, landscape, losses, models, report, runs, train

CONFIG = dataclasses.replace(mode_connectivity.Config(), **mode_connectivity.SMALL)


def network(seed, config=CONFIG):
    model = mode_connectivity._build(config, num_classes=3)
    variables = models.initialise(model, jax.random.key(seed), (4,))
    return jax.device_get({"params": variables["params"]})


def test_networks_of_one_start_differ_by_their_batches_alone(tmp_path):
    still = dataclasses.replace(CONFIG, learning_rate=1e-9)
    context = runs.Context(tmp_path, tuple(jax.devices()[:1]), report.Progress())
    study = training.Study(still, context)
    pairs = mode_connectivity._train(still, study)
    assert list(pairs) == ["different starts", "one start", "4 updates shared"]
    for name, (first, second) in pairs.items():
        kernels = [
            population.variables["params"]["Dense_0"]["kernel"]
            for population in (first, second)
        ]
        assert kernels[0].shape[0] == len(still.seeds)
        assert np.allclose(*kernels, atol=1e-6) == (name != "different starts")
        assert not np.array_equal(*kernels)
        assert not np.allclose(kernels[0][0], kernels[0][1], atol=1e-3)


def test_a_shuffled_copy_is_put_back_and_computes_the_same(float64):
    config = dataclasses.replace(CONFIG, depth=2, width=16)
    first, second = network(0, config), network(1, config)
    pairs, whole = mode_connectivity._renumbered(
        config, first, second, jax.random.key(0)
    )
    assert whole
    restored = pairs["shuffled copy, units matched"]
    jax.tree.map(np.testing.assert_array_equal, *restored)
    model = mode_connectivity._build(config, num_classes=3)
    x = np.random.default_rng(0).normal(size=(5, 4))
    for origin, (_, moved) in zip(
        (second, first), (pairs["units matched"], pairs["shuffled copy"]), strict=True
    ):
        assert not np.array_equal(
            moved["params"]["Dense_0"]["kernel"], origin["params"]["Dense_0"]["kernel"]
        )
        np.testing.assert_allclose(
            model.apply(moved, x, train=False), model.apply(origin, x, train=False)
        )


def found(error):
    """Return findings of three pairs whose error rises to a height, in points."""
    bump = 4 * mode_connectivity.POSITIONS * (1 - mode_connectivity.POSITIONS)
    names = ("different starts", "units matched", "trained curve", "shuffled copy")
    names += ("shuffled copy, units matched", "one start", "4 updates shared")
    ways = {}
    for place, name in enumerate(names):
        scatter = 1 + 0.001 * (place + 1) * np.arange(3)[:, None]
        height = error.get(name, 0.5) * scatter * bump
        on_split = {"loss": 0.01 + 0.1 * height, "accuracy": 1 - height / 100}
        rises = np.tile(height.max(axis=1, keepdims=True), 5)
        ways[name] = {"train": on_split, "test": on_split | {"rises": rises}}
    ground = plane.Plane(np.ones((25, 21)), np.array([0.5, 0.5]))
    return mode_connectivity.Findings(ways, np.ones(3, bool), ground)


def test_a_barrier_of_error_is_in_points_above_the_ends():
    barriers = found({"one start": 7.0}).barrier("one start", "accuracy")
    np.testing.assert_allclose(barriers, 7.0 * (1 + 0.006 * np.arange(3)))


def test_test_examples_add_up_to_the_barrier():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(50, 4)).astype(np.float32)
    split = data.Split(images, rng.integers(3, size=50).astype(np.int32))
    dataset = types.SimpleNamespace(train=split, test=split)
    model = mode_connectivity._build(CONFIG, num_classes=3)
    metrics = train.batch_metrics(model, losses.cross_entropy)
    pair = [jax.tree.map(lambda leaf: 9 * leaf, network(seed)) for seed in (0, 1)]
    middle = jax.tree.map(lambda a, b: (a + b) / 2, *pair)
    for way in (pair, [landscape.BezierPath(pair[0], middle, pair[1])]):
        seen = mode_connectivity._look(dataset, model, metrics, *way)
        stacked = jax.tree.map(lambda leaf: leaf[None], {"way": seen["test"]})
        found = mode_connectivity.Findings(
            {"way": {"test": stacked["way"]}}, None, None
        )
        barrier = found.barrier("way", "accuracy", "test")
        assert barrier > 0
        assert seen["test"]["rises"].mean() == pytest.approx(barrier[0], abs=1e-3)


def test_claims_compare_the_ways():
    high = {"different starts": 30.0, "shuffled copy": 20.0, "one start": 6.0}
    claims = {
        claim.id: claim
        for claim in mode_connectivity.analyse(CONFIG, found(high)).claims
    }
    assert claims["matched.removed"].effect == pytest.approx(1 - 0.5 / 30, rel=1e-3)
    assert claims["start"].effect == pytest.approx(2.4, rel=0.01)
    verdicts = {id: claim.verdict for id, claim in claims.items()}
    assert verdicts.pop("stable.0") == "contradicted"
    assert verdicts.pop("restored") == "inconclusive"  # of three networks
    assert set(verdicts.values()) == {"supported"}


@pytest.mark.parametrize("forks", [(), (5,), (0, 0), (0, 8)])
def test_forks_that_are_no_times_of_the_training_are_refused(forks):
    with pytest.raises(ValueError, match="forks"):
        dataclasses.replace(CONFIG, forks=forks)
