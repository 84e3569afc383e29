"""Devices of several hosts are shared in their order, and batches with them."""

from typing import NamedTuple

import jax
import numpy as np
import pytest

from lec7 import hosts, train
from lec7.train import feed, shares


class Device(NamedTuple):
    process_index: int
    id: int


ALL = [Device(host, 10 * host + place) for host in range(3) for place in range(2)]
OWN_FIRST = [*ALL[2:4], *ALL[:2], *ALL[4:]]
IMAGES, LABELS = np.arange(40.0, dtype=np.float32)[:, None], np.arange(40)


@pytest.fixture
def second_of_three(monkeypatch):
    monkeypatch.setattr(hosts, "count", lambda: 3)
    monkeypatch.setattr(hosts, "index", lambda: 1)


def test_devices_of_one_host_are_all_its_own():
    share = shares.of(jax.devices())
    assert (share.own, share.part, share.parts) == (tuple(jax.devices()), 0, 1)


def test_devices_stand_in_the_order_of_the_hosts(second_of_three):
    share = shares.of(OWN_FIRST)
    assert share.devices == tuple(ALL)
    assert share.own == tuple(ALL[2:4])
    assert (share.part, share.parts) == (1, 3)


@pytest.mark.parametrize("devices", [ALL[1:], [*ALL, Device(2, 30)], ALL[:4]])
def test_devices_that_are_not_as_many_of_each_host_are_refused(
    second_of_three, devices
):
    with pytest.raises(ValueError, match="expected"):
        shares.of(devices)


def test_hosts_that_have_not_joined_are_refused():
    with pytest.raises(ValueError, match="devices are of 3 processes, and 1 have join"):
        shares.of(ALL)


@pytest.mark.parametrize("kind", ["arrays", "stream", "own stream"])
def test_a_host_feeds_its_rows_of_every_batch(second_of_three, kind):
    def batch_at(step):
        return IMAGES[step : step + 12], LABELS[step : step + 12]

    def own_at(step):
        return tuple(leaf[4:8] for leaf in batch_at(step))

    whole = {
        "arrays": train.from_arrays(IMAGES, LABELS, seeds=(0, 1), batch_size=12),
        "stream": train.from_stream(batch_at, members=2),
        "own stream": train.from_stream(own_at, members=2, divided=True),
    }[kind]
    found = jax.tree.leaves(feed.own(whole, OWN_FIRST).slots(3, 2))
    expected = train.from_stream(batch_at, members=2) if "own" in kind else whole
    for leaf, of_all in zip(found, jax.tree.leaves(expected.slots(3, 2)), strict=True):
        np.testing.assert_array_equal(leaf, of_all[:, :, 4:8])


def test_a_batch_that_hosts_cannot_share_is_refused(second_of_three):
    whole = train.from_arrays(IMAGES, LABELS, seeds=(0,), batch_size=8)
    with pytest.raises(ValueError, match="batch size is 8; expected a multiple of 3"):
        feed.own(whole, ALL).slots(0, 1)
