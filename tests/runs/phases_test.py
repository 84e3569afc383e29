import json
import os

import pytest

from lec7 import runs


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def write(folder, name, *lines):
    (folder / f"{name}.py").write_text("\n".join(lines))


def test_phases_are_counted_in_an_experiment_and_its_parts_each_once(tmp_path):
    phase = 'with context.phase("{}"):\n    pass'.format
    write(tmp_path, "one", "from experiments import two", phase("a"), phase("a"))
    write(tmp_path, "two", "from experiments import one", phase("b"))
    write(tmp_path, "other", phase("c"))
    assert runs.count_phases(tmp_path, "one") == 2


def test_phases_whose_names_are_computed_are_not_counted(tmp_path):
    write(tmp_path, "one", 'with context.phase(f"with {rule}"):\n    pass')
    assert runs.count_phases(tmp_path, "one") is None


def test_a_phase_that_goes_on_is_not_said_again(clock):
    phases = runs.Phases(2, {}, None, clock=clock)
    said = [phases.begin(name) for name in ("data", "training", "data")]
    assert said == ["phase 1 of 2: data", "phase 2 of 2: training", None]
    assert runs.Phases(None, {}, None).begin("data") == "phase 1: data"


def test_time_left_is_that_of_the_last_run_at_the_present_pace(clock):
    phases = runs.Phases(2, {"data": 10.0, "training": 300.0}, 60.0, clock=clock)
    assert "about 5 min left in all, as in the last run" in phases.begin("data")
    clock.now = 20.0  # twice as slow
    assert "about 10 min left in all" in phases.begin("training")


def test_time_left_of_a_first_run_is_what_is_expected_of_it(clock):
    phases = runs.Phases(3, {}, 120.0, clock=clock)
    assert "(about 2 min left in all, on two CPU cores)" in phases.begin("a")
    clock.now = 90.0
    assert "(about 30 s left in all, on two CPU cores)" in phases.begin("b")
    clock.now = 130.0
    assert phases.begin("c") == "phase 3 of 3: c"


def test_the_last_run_of_the_experiment_that_finished_is_found(tmp_path):
    for place, (name, status, seconds) in enumerate(
        [
            ("one", "finished", 1.0),
            ("one", "finished", 2.0),
            ("one", "failed", 3.0),
            ("two", "finished", 4.0),
        ]
    ):
        path = tmp_path / f"{place}" / "run.json"
        path.parent.mkdir()
        attempts = [{"seconds": {"data": seconds}}]
        path.write_text(
            json.dumps({"experiment": name, "status": status, "attempts": attempts})
        )
        os.utime(path, (place, place))
    (tmp_path / "0" / "run.json").with_name("note").touch()
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "run.json").write_text("[")
    assert runs.earlier_seconds(tmp_path, "one") == {"data": 2.0}
    assert runs.earlier_seconds(tmp_path, "none") == {}
    assert runs.earlier_seconds(tmp_path / "missing", "one") == {}
