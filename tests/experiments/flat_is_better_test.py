"""What regularisers do to a batch, which networks are compared, and who agrees."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import flat_is_better, minima, tested
from experiments import flat_is_better_comparison as comparison
from experiments import flat_is_better_rescaling as rescaling
from experiments import flat_is_better_trainings as trainings
from lec7 import models, train

CONFIG = dataclasses.replace(flat_is_better.Config(), **flat_is_better.SMALL)


def test_smoothed_labels_are_probabilities_with_the_share_spread_evenly():
    smooth = trainings.smoothed(0.2, 4)
    inputs, labels = smooth(None, jnp.zeros((2, 3)), jnp.array([1, 3]))
    assert inputs.shape == (2, 3)
    expected = [[0.05, 0.85, 0.05, 0.05], [0.05, 0.05, 0.05, 0.85]]
    np.testing.assert_allclose(labels, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(7, 2), (5, 6, 1)])
def test_a_shift_moves_all_channels_alike_by_at_most_so_many_places(shape):
    x = jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)
    shift = trainings.shifted(2)
    sides, found = tuple(range(len(shape) - 1)), set()
    for key in jax.random.split(jax.random.key(0), 40):
        moved = np.asarray(shift(key, x))
        places = np.argwhere(moved[..., 0] == x[(0,) * len(shape)])[0]
        by = (places + 2) % np.array(shape[:-1]) - 2
        assert np.all(np.abs(by) <= 2)
        np.testing.assert_array_equal(moved, np.roll(x, by, sides))
        found.add(tuple(by))
    assert len(found) == 5 ** len(sides) or len(sides) == 2


def population(losses):
    """Return a population [M] whose snapshots hold their own number of updates."""
    losses = np.asarray(losses)  # [T, M]
    steps = 10 * np.arange(1, len(losses) + 1)
    members = losses.shape[1]
    kept = {step: {"params": np.full(members, step)} for step in steps}
    history = {name: losses + 0.5 for name in trainings.WATCHED}
    return train.Population(
        variables=kept[steps[-1]],
        updates=np.full(members, steps[-1]),
        history=history | {"train_loss": losses},
        final={},
        opt_state=None,
        snapshots=kept,
    )


def test_a_network_is_found_where_its_loss_was_nearest_in_the_logarithm():
    trained = population([[1.0, 2.0], [0.1, 0.5], [0.01, 0.4]])
    networks, updates, final = trainings.at_loss(trained, np.array([0.04, 1.5]))
    np.testing.assert_array_equal(updates, [20, 10])
    assert [int(of["params"]) for of in networks] == [20, 10]
    np.testing.assert_allclose(final["train_loss"], [0.1, 2.0])
    np.testing.assert_allclose(final["test_accuracy"], [0.6, 2.5])


def group(accuracy, sharpness):
    measured = np.ones_like(accuracy)
    return trainings.Group(
        final=dict.fromkeys(trainings.WATCHED, measured) | {"test_accuracy": accuracy},
        updates=10 * measured,
        card=minima.Card({"fisher_rao": sharpness}, {}, {}, {}),
    )


def findings():
    """Return findings of 3 seeds: one regulariser is sharper and better, one worse."""
    seeds = np.arange(3)
    none = group(0.5 + 0.01 * seeds, np.array([1.0, 1.1, 1.3]))
    ends = {
        "none": none,
        "dropout": group(0.6 + 0.011 * seeds, np.array([2.0, 2.3, 2.5])),
        "SAM": group(0.4 + 0.012 * seeds, np.array([3.0, 3.5, 3.6])),
    }
    equal = {
        name: group(np.full(3, 0.5), np.array([4.0, 4.2, 4.4]))
        for name in ("dropout", "SAM")
    }
    draw = np.random.default_rng(0).random((3, 800))
    answers = {
        name: tested.Tested(
            np.packbits(draw < of.final["test_accuracy"][:, None], 1),
            np.zeros((3, 800)),
        )
        for name, of in ends.items()
    }
    return flat_is_better.Findings(ends, equal, answers, None)


def test_gains_and_ratios_are_relative_to_the_network_without():
    found = findings()
    np.testing.assert_allclose(
        comparison.gain(found, "dropout"), [10.0, 10.1, 10.2], rtol=1e-6
    )
    np.testing.assert_allclose(
        comparison.ratio(found, "SAM", "fisher_rao", equal=True),
        [3 / 4, 3.5 / 4.2, 3.6 / 4.4],
    )


def test_agreement_is_the_share_in_which_the_flatter_network_is_the_better():
    found = findings()
    np.testing.assert_allclose(comparison.agreement(found, ["fisher_rao"]), 0.5)
    # At the same loss both are flatter, and one of them is the worse.
    at_equal = comparison.agreement(found, ["fisher_rao"], equal=True)
    np.testing.assert_allclose(at_equal, 0.5)
    alone = found._replace(equal={"dropout": found.equal["dropout"]})
    np.testing.assert_allclose(comparison.agreement(alone, ["fisher_rao"]), 0.0)
    np.testing.assert_allclose(
        comparison.agreement(alone, ["fisher_rao"], equal=True), 1.0
    )


def test_claims_follow_the_numbers():
    claims = {c.id: c for c in flat_is_better.analyse(CONFIG, findings()).claims}
    verdicts = {id: claim.verdict for id, claim in claims.items()}
    assert verdicts["better.dropout"] == verdicts["sharper.SAM.fisher_rao"]
    assert verdicts["better.dropout"] == "supported"
    assert verdicts["better.SAM"] == "contradicted"


def test_rescaled_networks_compute_the_same():
    model = models.MLP(num_classes=3, widths=(5, 4))
    variables = models.initialise(model, jax.random.key(0), (6,))
    moved = rescaling.scaled(variables, 10.0)
    x = jax.random.normal(jax.random.key(1), (7, 6))
    np.testing.assert_allclose(
        model.apply(moved, x, train=False),
        model.apply(variables, x, train=False),
        rtol=1e-4,
        atol=1e-6,
    )
    norms = [optax.tree.norm(of["params"]["Dense_0"]) for of in (moved, variables)]
    np.testing.assert_allclose(norms[0] / norms[1], 10.0, rtol=1e-5)


def test_what_a_rescaling_leaves_alone_is_an_identity():
    seeds = np.array([1.0, 1.1, 0.9])
    rows = {name: np.outer([1, 2, 3, 40], seeds) for name in rescaling.RESCALED}
    rows["fisher_rao"] = np.outer(np.ones(4), seeds)
    claims = rescaling.claims(rescaling.Rescaled(rows, np.outer(np.ones(4), seeds)))
    assert [claim.kind for claim in claims] == ["empirical", "identity", "identity"]


def test_every_regulariser_has_a_recipe():
    config = dataclasses.replace(CONFIG, regularisers=trainings.REGULARISERS)
    assert list(trainings.recipes(config, 3)) == ["none", *trainings.REGULARISERS]


def test_updates_that_the_looks_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="multiple of looks"):
        dataclasses.replace(CONFIG, updates=9)
