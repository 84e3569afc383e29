"""Hosts with addresses of their own train one network, and end where a cable is cut."""

import time

import numpy as np
import pytest

from tests.faults import namespaces, resumption
from tests.train import hosted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why := namespaces.refusal()), reason=why),
]


@pytest.fixture(scope="module")
def expected():
    return resumption.alone()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What two hosts find that nobody disturbs."""
    with namespaces.network(2) as network:
        folder = tmp_path_factory.mktemp("whole")
        return resumption.finish(folder, 2, **network.meeting())


@pytest.fixture
def network(request):
    with namespaces.network(request.param) as made:
        yield made


def begin(folder, network, count):
    processes = resumption.start(folder, count, **network.meeting())
    resumption.wait_for_checkpoint(folder, processes)
    return dict(enumerate(processes)), time.monotonic()


@pytest.mark.parametrize("network", [2, 4], indirect=True)
def test_hosts_with_addresses_train_the_networks_of_one_process(
    tmp_path, network, expected
):
    count = len(network.hosts)
    resumption.require_resumed(tmp_path, expected, [count], **network.meeting())


@pytest.mark.parametrize("network", [4], indirect=True)
@pytest.mark.parametrize(
    ("fault", "lone"), [("cut", 0), ("cut", 1), ("down", 0), ("silence", 1)]
)
def test_both_ends_of_a_cut_end_in_time_and_the_run_resumes(
    tmp_path, network, expected, whole, fault, lone
):
    folder = tmp_path / "run"
    processes, moment = begin(folder, network, 2)
    getattr(network, fault)(lone)
    resumption.require_lost(processes, {0: [1], 1: [0]}, 2, moment)
    network.mend(lone)
    counts = [1, 3, 4, 2] if fault == "cut" else [2]
    resumption.require_resumed(folder, expected, counts, **network.meeting())
    with np.load(folder / "found.npz") as file:
        found = dict(file)
    for name, value in whole.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("network", [4], indirect=True)
@pytest.mark.parametrize("lone", [0, 2])
def test_one_of_four_that_is_cut_off_is_named_by_the_others(
    tmp_path, network, expected, lone
):
    folder = tmp_path / "run"
    processes, moment = begin(folder, network, 4)
    network.cut(lone)
    others = {i: [lone] for i in processes if i != lone}
    # The one that is alone knows of the first; the first, alone, of whom it asked last.
    own = [0] if lone else [1, 2, 3]
    resumption.require_lost(processes, others | {lone: own}, 4, moment)
    network.mend(lone)
    resumption.require_resumed(folder, expected, [2, 4], **network.meeting())


@pytest.mark.parametrize("network", [3], indirect=True)
def test_two_that_do_not_reach_each_other_end_all_when_the_system_gives_up(
    tmp_path, network, expected
):
    folder = tmp_path / "run"
    network.hasten()
    processes, _ = begin(folder, network, 3)
    network.part(1, 2)
    for code, errors in hosted.ends(processes.values(), 150.0):
        assert code == 9, errors
        assert "a host does not reach another one" in errors
        assert "10.77.0.2" in errors or "10.77.0.3" in errors
    network.join(1, 2)
    resumption.require_resumed(folder, expected, [3], **network.meeting())
