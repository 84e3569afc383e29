"""What the tests of faults compare finds out a resume that is wrong on purpose."""

import contextlib
import shutil

import pytest

from tests.faults import breakages, harness, many_hosts, resumption

pytestmark = pytest.mark.slow
HALF = {**many_hosts.STEPS, "steps": 20}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return harness.Bench(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def cut(bench):
    """A run that was killed in the middle of a training."""
    return bench.cut("training")


@pytest.fixture(scope="module")
def expected():
    return resumption.alone()


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The first half of a training, which one process has made."""
    folder = tmp_path_factory.mktemp("begun")
    resumption.alone(folder=folder / "host 0", **HALF)
    return folder


@pytest.mark.parametrize("broken", ["", *breakages.OF_ONE_PROCESS])
def test_the_bench_finds_a_wrong_resume_and_no_right_one(bench, cut, broken):
    outcome, told = bench.end(bench.copy(cut), broken=broken)
    assert outcome == (harness.WRONG if broken else harness.EQUAL), told
    assert told.startswith("differs: " * bool(broken))


@pytest.mark.parametrize("broken", ["", *breakages.BREAKAGES])
def test_the_comparison_of_hosts_finds_a_wrong_resume_and_no_right_one(
    tmp_path, begun, expected, broken
):
    shutil.copytree(begun, tmp_path / "run")
    noticed = pytest.raises(AssertionError, match="Not equal to tolerance")
    with noticed if broken else contextlib.nullcontext():
        resumption.require_resumed(tmp_path / "run", expected, [2], broken=broken)
