"""What the tests of faults compare finds out a resume that is wrong on purpose."""

import contextlib
import shutil

import pytest

from tests.faults import breakages, harness, many_hosts, resumption

pytestmark = pytest.mark.slow
HALF = {**many_hosts.STEPS, "steps": 20}


@pytest.fixture(scope="module")
def expected():
    return resumption.alone()


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The first half of a training, which one process has made."""
    folder = tmp_path_factory.mktemp("begun")
    resumption.alone(folder=folder / "host 0", **HALF)
    return folder


@pytest.mark.parametrize(
    ("count", "broken"),
    [(2, broken) for broken in ("", *breakages.BREAKAGES)]
    + [(1, broken) for broken in ("", *breakages.OF_ONE_PROCESS)],
)
def test_the_comparison_finds_a_wrong_resume_and_no_right_one(
    tmp_path, begun, expected, count, broken
):
    shutil.copytree(begun, tmp_path / "run")
    noticed = pytest.raises(AssertionError, match="Not equal to tolerance")
    with noticed if broken else contextlib.nullcontext():
        resumption.require_resumed(tmp_path / "run", expected, [count], broken=broken)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return harness.Bench(tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize(
    "broken",
    ["", "optimiser state dropped", "one step off", "wrong seed of the batches"],
)
def test_the_bench_finds_a_wrong_resume_of_a_run_and_no_right_one(bench, broken):
    outcome, told = bench.end(bench.cut("training"), broken=broken)
    assert outcome == (harness.WRONG if broken else harness.EQUAL)
    assert told.startswith("differs: ") or not broken
