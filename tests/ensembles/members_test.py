"""Members of any mix come back in their order, each with what it was asked for."""

import jax
import numpy as np
import pytest
from flax import linen as nn

from lec7 import ensembles, train

WIDE, NARROW = nn.Dense(4), nn.Dense(2)


@pytest.fixture
def groups(monkeypatch):
    """Take down what is trained together, and train nothing."""
    found = []

    def take_down(
        model, rule, dataset, *, initialise, seeds, hyperparams, name, batch_size
    ):
        given = rule, dataset, batch_size
        found.append((model, tuple(seeds), hyperparams, name, *given))
        starts = [initialise(jax.random.key(seed)) for seed in seeds]
        return train.Population(
            variables={"params": np.stack(starts)},
            updates=np.array(seeds),
            history={},
            final={"test_loss": np.array(hyperparams["rate"])},
            opt_state=(),
            snapshots={},
        )

    monkeypatch.setattr(train, "train", take_down)
    return found


def initialise(model, key):
    return np.append(jax.random.key_data(key), np.uint32(model.features))


def train_members(members):
    return ensembles.train_members(
        members, "rule", "data", initialise=initialise, name="mixed", batch_size=8
    )


def test_members_of_one_network_train_together_and_come_back_in_their_order(groups):
    members = [
        ensembles.Member(nn.Dense(4), 5, {"rate": 0.1}),
        ensembles.Member(NARROW, 7, {"rate": 0.2}),
        ensembles.Member(nn.Dense(4), 6, {"rate": 0.3}),
    ]
    trained = train_members(members)
    assert groups == [
        (WIDE, (5, 6), {"rate": [0.1, 0.3]}, "mixed_0", "rule", "data", 8),
        (NARROW, (7,), {"rate": [0.2]}, "mixed_1", "rule", "data", 8),
    ]
    for member, found in zip(members, trained, strict=True):
        key = jax.random.key(member.seed)
        start = initialise(member.model, key)
        np.testing.assert_array_equal(found.variables["params"], start)
        assert found.model == member.model
        assert found.updates == member.seed
        assert found.final == {"test_loss": member.hyperparams["rate"]}


def test_members_of_one_network_name_the_same_hyperparameters(groups):
    members = [
        ensembles.Member(NARROW, 0, {"rate": 0.1}),
        ensembles.Member(WIDE, 0, {"rate": 0.1}),
        ensembles.Member(WIDE, 1),
    ]
    with pytest.raises(ValueError, match=r"\[\['rate'\], \[\]\]; expected the same"):
        train_members(members)
    assert not groups  # nothing was trained before


def test_the_same_member_twice_is_named(groups):
    members = [ensembles.Member(WIDE, seed, {"rate": 0.1}) for seed in (5, 6, 5)]
    with pytest.raises(ValueError, match="members 0 and 2 are the same, of seed 5"):
        train_members(members)
    assert not groups


def test_no_member_is_refused():
    with pytest.raises(ValueError, match="members is empty"):
        ensembles.train_members([], None, None, initialise=None)
