import numpy as np
import pytest

from lec7 import train


def cost(**changed):
    given = {
        "name": "one",
        "members": 1,
        "parameters": 250,
        "batch_size": 32,
        "flops": 1.0,
        "products": 1.0,
        "bytes": train.Sizes(1000, 2000, 10, 10, 10, 4000, 1000),
        "available": 1e9,
        "updates": 100,
        "evaluations": 10,
        "checkpoints": 2,
        "stops": False,
        "seconds": train.Seconds(3.0, 0.02, 0.5, 0.25),
    }
    return train.Cost(**given | changed)


def ring(hosts, size, bandwidth, latency):
    """Sends a piece of every host to the next one until all have the sums of all."""
    held = np.eye(hosts)  # held[h, p]: parts that host h has summed into its piece p
    held = np.stack([np.outer(row, np.ones(hosts)) for row in np.eye(hosts)])
    clock = 0.0
    for turn in range(2 * (hosts - 1)):
        sent = {h: (h - turn) % hosts for h in range(hosts)}
        pieces = {h: held[h][:, sent[h]].copy() for h in range(hosts)}
        for h in range(hosts):
            following = (h + 1) % hosts
            if turn < hosts - 1:  # the pieces are summed, then handed on
                held[following][:, sent[h]] += pieces[h]
            else:
                held[following][:, sent[h]] = pieces[h]
        clock += latency + size / hosts / bandwidth  # all hosts send at once
    return clock, held


@pytest.mark.parametrize("hosts", [1, 2, 3, 8])
def test_a_ring_takes_as_long_as_its_messages(hosts):
    clock, held = ring(hosts, 1000.0, 50.0, 0.125)
    np.testing.assert_array_equal(held, np.ones_like(held))  # everybody has all
    found = train.all_reduce_seconds(hosts, 1000.0, 50.0, 0.125)
    np.testing.assert_allclose(found, clock, rtol=1e-12)


def test_a_training_takes_the_sum_of_its_parts():
    assert cost().total == pytest.approx(3 + 100 * 0.02 + 10 * 0.5 + 2 * 0.25)


def test_hosts_divide_what_grows_with_the_batch_and_pay_for_the_average():
    seconds = train.Seconds(3.0, 0.02, 0.5, 0.25, fixed=0.004)
    found = cost(seconds=seconds).on(4, bandwidth=1e6, latency=1e-3)
    averaging = 2 * 3 / 4 * 1000 / 1e6 + 2 * 3 * 1e-3
    assert found.communication == pytest.approx(averaging)
    assert found.seconds.update == pytest.approx(0.004 + 0.016 / 4)
    assert found.efficiency == pytest.approx(0.02 / (4 * (0.008 + averaging)))
    update = 100 * (0.008 + averaging)
    assert found.total == pytest.approx(3 + update + 10 * 0.5 / 4 + 2 * 0.25)


def test_one_host_pays_nothing():
    assert cost().on(1) == cost()


@pytest.mark.parametrize(
    ("hosts", "given", "message"),
    [
        (0, {}, "hosts is 0; expected"),
        (5, {}, "batch_size is 32; expected a multiple of 5, the devices of 5 hosts"),
        (2, {"bandwidth": 0.0}, "bandwidth is 0.0; expected"),
        (2, {"latency": -1.0}, "latency is -1.0; expected"),
    ],
)
def test_what_cannot_be_is_refused(hosts, given, message):
    with pytest.raises(ValueError, match=message):
        cost().on(hosts, **given)


def test_devices_of_a_host_share_a_batch_too():
    with pytest.raises(ValueError, match="a multiple of 64, the devices of 16 hosts"):
        cost(devices=4).on(16)


def test_a_cost_of_several_hosts_is_not_shared_again():
    with pytest.raises(ValueError, match="hosts of the cost is 2; expected 1"):
        cost().on(2).on(2)
