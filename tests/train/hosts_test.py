"""A training on several hosts is the training of one process."""

import jax
import numpy as np
import pytest

from tests.train import hosted


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes, which find nothing of each other's on the disk, have made."""
    place = tmp_path_factory.mktemp("hosts")
    processes = hosted.start(["tests.train.hosted", place], 2)
    for code, told in hosted.ends(processes):
        assert code == 0, told
    return place


def load(path):
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize("case", hosted.CASES)
def test_two_hosts_train_the_networks_of_one_process(folder, case):
    expected = hosted.trained(case, jax.devices()[:1])
    found = {k: v for k, v in load(folder / "0.npz").items() if k.startswith(case)}
    assert {k for k in found if k.removeprefix(case).startswith((".", "["))} == set(
        expected
    )
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name], value, rtol=2e-5, atol=2e-6, err_msg=name
        )


def test_all_hosts_return_the_same_to_the_bit(folder):
    first, second = (load(folder / f"{index}.npz") for index in (0, 1))
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_only_the_first_host_writes(folder):
    assert not (folder / "host 1").exists()
    for case in hosted.CASES:
        assert (folder / "host 0" / case / "metrics.jsonl").is_file()
        assert list((folder / "host 0" / case).glob("checkpoints/*/*/state.msgpack"))
