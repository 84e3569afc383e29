"""What an epoch costs, against exact counts."""

import pytest

from experiments import batch_size_cost as cost


@pytest.mark.parametrize(("size", "updates"), [(1, 100), (32, 4), (50, 2), (100, 1)])
def test_one_hundred_examples_make_one_hundred_updates_or_one(size, updates):
    for seed in range(3):
        assert cost.updates_an_epoch(seed, batch_size=size, examples=100) == updates
