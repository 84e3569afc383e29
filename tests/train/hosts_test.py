"""A training on several hosts is the training of one process."""

import functools
import shutil

import jax
import numpy as np
import pytest

from tests.train import hosted


@functools.cache
def alone(case, **given):
    return hosted.trained(case, jax.devices()[:1], **given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes, which find nothing of each other's on the disk, have made."""
    place = tmp_path_factory.mktemp("hosts")
    alone("noisy", folder=place / "host 0" / "begun", **hosted.HALF)
    for code, told in hosted.ends(hosted.start(["tests.train.hosted", place], 2)):
        assert code == 0, told
    return place


@pytest.fixture(scope="module")
def found(folder):
    """Name -> array, of each host."""
    return [load(folder / f"{index}.npz") for index in (0, 1)]


def load(path):
    with np.load(path) as file:
        return dict(file)


def require_equal(found, expected):
    assert set(expected) <= set(found)
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name], value, rtol=2e-5, atol=2e-6, err_msg=name
        )


@pytest.mark.parametrize("case", hosted.TRIED)
def test_two_hosts_train_the_networks_of_one_process(found, case):
    require_equal(found[0], alone(case))


def test_all_hosts_return_the_same_to_the_bit(found):
    first, second = found
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_two_hosts_resume_what_one_process_began(found):
    resumed = {name.removeprefix("resumed "): value for name, value in found[0].items()}
    require_equal(resumed, alone("noisy"))


def test_one_process_resumes_what_two_hosts_began(folder, tmp_path):
    shutil.copytree(folder / "host 0" / "half", tmp_path / "half")
    resumed = hosted.trained("noisy", jax.devices()[:1], folder=tmp_path / "half")
    require_equal(resumed, alone("noisy"))


def test_only_the_first_host_writes(folder):
    assert not (folder / "host 1").exists()
    for case in hosted.TRIED:
        assert (folder / "host 0" / case / "metrics.jsonl").is_file()
        assert list((folder / "host 0" / case).glob("checkpoints/*/*/state.msgpack"))
