"""A member that diverges stops, and the others do not notice."""

import json

import chex
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import train

STEPS, EVERY = 100, 10
LOW, HIGH = 0.1, 5.0


def setting():
    """Return a line through points, on which a high rate ends in infinity."""
    x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]

    def apply(kernel, x):
        return x @ kernel

    return (lambda key: jnp.zeros((1, 1)), apply), x, x[:, 0]


def squares(outputs, targets):
    return (outputs[:, 0] - targets) ** 2


def fit(rates, folder=None, **options):
    line, x, y = setting()
    return train.train(
        line,
        optax.inject_hyperparams(optax.sgd)(learning_rate=0.0),
        (x, y),
        loss=squares,
        metrics={},
        steps=STEPS,
        batch_size=8,
        seeds=(0,) * len(rates),
        hyperparams={"learning_rate": rates},
        evaluate_every=EVERY,
        checkpoint_every=1,
        folder=folder,
        **options,
    )


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    with pytest.warns(UserWarning, match="member 1 is .*; it stops, the others go on"):
        return fit((LOW, HIGH), folder), folder


def test_the_others_are_as_they_would_be_without_it(mixed):
    population, _ = mixed
    with pytest.warns(UserWarning):
        low = fit((LOW, 2 * HIGH))
    chex.assert_trees_all_equal(population.member(0), low.member(0))
    np.testing.assert_array_equal(
        population.history["loss"][:, 0], low.history["loss"][:, 0]
    )
    assert population.updates[0] == STEPS


def test_it_stays_as_it_was_when_it_was_finite_and_has_no_numbers_after(mixed):
    population, folder = mixed
    stop = population.updates[1]
    assert 0 < stop < STEPS
    assert stop % EVERY == 0
    assert np.isfinite(population.member(1)["params"]).all()
    loss = population.history["loss"][:, 1]
    end = np.argmax(~np.isfinite(loss))
    assert stop <= end <= stop + EVERY
    assert np.isnan(loss[end:]).all()
    looks = population.history["train_loss_step"] + 1
    watched = population.history["train_loss"][:, 1]
    np.testing.assert_array_equal(np.isfinite(watched), looks <= stop)
    assert np.isnan(population.final["train_loss"][1])
    assert np.isfinite(population.final["train_loss"][0])
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    assert [row["loss"][1] is None for row in rows] == np.isnan(loss).tolist()


class KilledError(Exception):
    """Stands for a signal."""


@pytest.mark.filterwarnings("ignore:training training diverged")
def test_a_resumed_training_ends_in_the_same_bytes(mixed, tmp_path):
    population, folder = mixed
    for moment in (20, 50, 60, 90):

        def kill(done, *, moment=moment, train_loss, **_):
            assert np.isfinite(train_loss)
            if done >= moment:
                raise KilledError

        with pytest.raises(KilledError):
            fit((LOW, HIGH), tmp_path, progress=kill)
    again = fit((LOW, HIGH), tmp_path)
    chex.assert_trees_all_equal(again.variables, population.variables)
    chex.assert_trees_all_equal(again.final, population.final)
    for file in ("metrics.jsonl", "checkpoints/training/00000100/state.msgpack"):
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes()


@pytest.mark.filterwarnings("ignore:training training diverged")
@pytest.mark.parametrize(
    ("rates", "options"),
    [
        ((LOW, HIGH), {"on_divergence": "raise"}),
        ((HIGH,), {}),
        ((HIGH, HIGH), {}),
        ((HIGH, 4 * HIGH), {}),
        ((HIGH, 4 * HIGH), {"stop_loss": 1e-9}),
    ],
)
def test_the_training_ends_where_it_is_asked_to_or_none_is_left(rates, options):
    with pytest.raises(train.DivergedError, match="loss of member . is .* at step"):
        fit(rates, **options)


@pytest.mark.filterwarnings("ignore:training training diverged")
def test_a_member_that_has_reached_its_loss_is_not_ended_by_another(tmp_path):
    for _ in range(2):  # trains, and reads what it has trained
        population = fit((2 * LOW, HIGH), tmp_path, stop_loss=0.1)
        assert population.updates[0] < population.updates[1] < STEPS
        assert population.final["train_loss"][0] <= 0.1
        assert np.isnan(population.final["train_loss"][1])


def test_another_way_is_refused():
    with pytest.raises(ValueError, match="on_divergence is 'ignore'; expected one of"):
        train.Plan(max_steps=1, evaluate_every=1, on_divergence="ignore")
