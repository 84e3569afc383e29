"""Whatever happens to a run, nothing is wrong in silence, and nothing is lost."""

import pytest

from tests.faults import harness


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return harness.Bench(tmp_path_factory.mktemp("faults"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        {"kills": 50, "signals": 0, "damage": 0},
        {"kills": 0, "signals": 60, "damage": 0},
        {"kills": 0, "signals": 0, "damage": None},
    ],
    ids=["kills", "signals", "damage"],
)
def test_nothing_is_wrong_after_any_fault(bench, faults):
    wrong = [row for row in bench.rows(**faults) if row.outcome == harness.WRONG]
    assert not wrong
