"""Trials are run until each is finished or has failed, whatever happens to them."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from lec7 import runs
from lec7.sweeps import engine, grouping, planning, processes, sweep_folder
from lec7.sweeps.processes import Ended, Executor
from lec7.sweeps.trials import FAILED, FINISHED, UNFINISHED, Trial

SWEEP = planning.Sweep(
    experiment="walk", base={}, spec=[["rate", "1"]], seed=None, members=1, trials=[3]
)
WELL, LOST = Ended(0, ""), Ended(-9, "its process was ended by SIGKILL")
IN_USE, DIVERGED, BUG = Ended(7, "in use"), Ended(5, "diverged"), Ended(1, "a bug")


def finish(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"rate":1.0}')
    record = '{"experiment": "walk", "status": "finished", "attempts": []}'
    (folder / "run.json").write_text(record)
    for name in ("claims.json", "report.html", "findings.npz"):
        (folder / name).touch()
    runs.seal(folder, told=True)


def tasks_of(*groups):
    trials = [tuple(Trial(number, {}) for number in group) for group in groups]
    return [grouping.Task(group, [], group[0].folder) for group in trials]


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Run tasks that end as they are told; return rows by trial, and the attempts."""
    monkeypatch.setattr(engine, "_PAUSE", 0.0)

    def run(tasks, ends):
        tried, left = [], {number: list(how) for number, how in ends.items()}

        def execute(given):
            for task in given:
                for trial in task.trials:
                    tried.append(trial.number)
                ended = left[task.trials[0].number].pop(0)
                if ended == WELL:
                    for trial in task.trials:
                        finish(tmp_path / trial.folder)
                yield task, ended

        pending = [task for task in tasks if not engine.is_settled(tmp_path, task)]
        rows = engine.run(
            tmp_path, SWEEP, pending, Executor(execute, 1), lambda folder: {"one": 1.0}
        )
        return {row.trial.number: row for row in rows}, tried

    return run


def test_a_trial_that_ends_well_has_the_values_of_its_folder(sweep):
    rows, _ = sweep(tasks_of([0]), {0: [WELL]})
    assert (rows[0].status, rows[0].values) == (FINISHED, {"one": 1.0})


@pytest.mark.parametrize("lost", [LOST, IN_USE])
def test_a_lost_trial_is_tried_again_three_times_and_then_has_failed(sweep, lost):
    ends = {0: [lost] * 3 + [WELL], 1: [lost] * 4, 2: [WELL]}
    rows, tried = sweep(tasks_of([0], [1], [2]), ends)
    assert [rows[n].status for n in range(3)] == [FINISHED, FAILED, FINISHED]
    assert rows[1].said == lost.said
    assert [tried.count(number) for number in range(3)] == [4, 4, 1]


def test_an_exit_code_is_a_failed_row_and_the_sweep_goes_on(sweep):
    rows, tried = sweep(tasks_of([0], [1]), {0: [BUG], 1: [WELL]})
    assert (rows[0].status, rows[0].said) == (FAILED, "a bug")
    assert rows[1].status == FINISHED
    assert tried == [0, 1]


def test_a_second_driver_runs_what_is_neither_finished_nor_diverged(sweep, tmp_path):
    tasks = tasks_of([0], [1], [2])
    sweep(tasks, {0: [WELL], 1: [DIVERGED], 2: [BUG]})
    failed = sweep_folder.row(tmp_path, tasks[1].trials[0], dict)
    assert (failed.status, failed.said) == (FAILED, "diverged")
    rows, tried = sweep(tasks, {2: [WELL]})
    assert tried == [2]
    assert rows[2].status == FINISHED
    assert sweep_folder.failure_of(tmp_path, tasks[2].trials[0]) is None


def test_of_a_group_each_trial_s_folder_says_how_that_one_ended(sweep, tmp_path):
    (task,) = tasks_of([0, 1])
    finish(tmp_path / task.trials[0].folder)
    other = tmp_path / task.trials[1].folder
    other.mkdir(parents=True)
    record = {"status": "failed", "attempts": [{"exit": 5, "error": "its own words"}]}
    (other / "run.json").write_text(json.dumps(record))
    rows, _ = sweep([task], {0: [BUG]})
    assert [rows[n].status for n in range(2)] == [FINISHED, FAILED]
    assert rows[1].said == "its own words"
    assert engine.is_settled(tmp_path, task)


@pytest.mark.parametrize(
    ("run", "named"),
    [
        (("walk", '{"rate":2.0}'), "another run (with rate=1.0, not 2.0)"),
        (("stroll", '{"rate":1.0}'), "another run (of walk, not of stroll)"),
    ],
)
def test_a_folder_of_another_run_fails_its_trial_alone(tmp_path, run, named):
    ours, foreign = Trial(0, {}, ("walk", '{"rate":1.0}')), Trial(1, {}, run)
    for trial in (ours, foreign):
        finish(tmp_path / trial.folder)
    assert sweep_folder.is_finished(tmp_path, ours)
    assert not sweep_folder.is_finished(tmp_path, foreign)
    rows = [
        sweep_folder.settle(
            tmp_path, trial, Ended(2, "of the group"), lambda folder: {}
        )
        for trial in (ours, foreign)
    ]
    assert [row.status for row in rows] == [FINISHED, FAILED]
    assert named in rows[1].said


@pytest.mark.parametrize("name", ["claims.json", "report.html", "findings.npz"])
def test_a_trial_whose_files_have_changed_is_run_again(tmp_path, name):
    trial = Trial(0, {}, ("walk", '{"rate":1.0}'))
    finish(tmp_path / trial.folder)
    (tmp_path / trial.folder / name).write_text("altered")
    assert not engine.is_settled(tmp_path, grouping.Task((trial,), [], trial.folder))


def test_what_ends_with_0_and_has_no_result_has_failed(sweep):
    rows, _ = sweep(tasks_of([0]), {0: [Ended(0, "")]} | {0: [Ended(0, "nothing")]})
    assert rows[0].status == FAILED
    assert "no result is in" in rows[0].said


def test_a_failure_that_the_disk_has_no_room_for_is_a_row(sweep, tmp_path):
    (tmp_path / "failures").touch()  # where no folder can be made
    rows, _ = sweep(tasks_of([0]), {0: [Ended(6, "no space")]})
    assert (rows[0].status, rows[0].said) == (FAILED, "no space")
    (again,) = tasks_of([0])
    assert sweep_folder.row(tmp_path, again.trials[0], dict).status == UNFINISHED


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"spec": [["rate", "2"]]}, 'spec is [["rate", "1"]], not [["rate", "2"]]'),
        ({"base": {"noise": ["0"]}}, "base is {}"),
        ({"experiment": "run"}, 'experiment is "walk", not "run"'),
        ({"seed": 1}, "seed is null, not 1"),
        ({"members": 2}, "members is 1, not 2"),
        ({"trials": [2]}, "tells of 3 trials, and --sweep has 2"),
    ],
)
def test_a_folder_of_another_sweep_is_refused_with_what_differs(tmp_path, other, named):
    sweep_folder.begin(tmp_path, SWEEP)
    assert sweep_folder.examine(tmp_path, SWEEP) == SWEEP
    given = {name: getattr(SWEEP, name) for name in SWEEP.__dataclass_fields__}
    with pytest.raises(runs.UsageError) as raised:
        sweep_folder.examine(tmp_path, planning.Sweep(**given | other))
    assert named in str(raised.value)


def test_a_sweep_is_extended_in_stretches(tmp_path):
    sweep_folder.begin(tmp_path, SWEEP)
    given = {name: getattr(SWEEP, name) for name in SWEEP.__dataclass_fields__}
    more = sweep_folder.examine(tmp_path, planning.Sweep(**given | {"trials": [5]}))
    assert more.trials == [3, 5]


def test_a_sweep_that_is_drawn_does_not_lose_trials(tmp_path):
    drawn = dataclasses.replace(SWEEP, seed=0)
    sweep_folder.begin(tmp_path, drawn)
    with pytest.raises(runs.UsageError, match="--trials=2: .* holds 3 trials"):
        sweep_folder.examine(tmp_path, dataclasses.replace(drawn, trials=[2]))


@pytest.mark.parametrize("name", ["notes.txt", "config.json", "run.json"])
def test_a_folder_with_other_files_is_refused(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(runs.UsageError, match=name):
        sweep_folder.examine(tmp_path, SWEEP)


@pytest.mark.parametrize(
    "trials", [None, [], "6", 6, ["6"], [2.5, 6], [3, 3], [3, 2], [0], [True], [10**9]]
)
def test_numbers_of_trials_that_no_sweep_has_written_are_refused(tmp_path, trials):
    held = json.loads(SWEEP.json) | {"trials": trials}
    (tmp_path / "sweep.json").write_text(json.dumps(held))
    with pytest.raises(runs.UsageError, match="restore sweep.json from a copy"):
        sweep_folder.examine(tmp_path, SWEEP)


@pytest.mark.parametrize("content", [None, "", "null", '{"format"', "[" * 100_000])
def test_trials_without_the_record_of_their_sweep_are_not_taken_over(tmp_path, content):
    (tmp_path / "trials").mkdir()
    if content is not None:
        (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(runs.UsageError, match="restore sweep.json from a copy"):
        sweep_folder.examine(tmp_path, SWEEP)


@pytest.mark.parametrize("name", ["run.json", "sweep.json"])
def test_a_sweep_within_the_folder_of_another_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(runs.UsageError, match="outside of it"):
        sweep_folder.examine(tmp_path / "new" / "sweep", SWEEP)


@pytest.mark.parametrize(
    "content", ["", "null", "[]", "0", '{"code": Infinity, "said": ""}', "[" * 100_000]
)
def test_a_damaged_failure_is_none(tmp_path, content):
    (task,) = tasks_of([0])
    (tmp_path / "failures").mkdir()
    (tmp_path / "failures" / "00000.json").write_text(content)
    row = sweep_folder.row(tmp_path, task.trials[0], dict)
    assert row.status == UNFINISHED


def test_what_cannot_be_started_has_failed():
    ended = processes.attempt(["-c", "\0"])
    assert ended.code == 1
    assert "does not start" in ended.said


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 0}', '{"format": 1}'])
def test_a_damaged_record_is_refused(tmp_path, content):
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(runs.UsageError, match="sweep.json"):
        sweep_folder.examine(tmp_path, SWEEP)


def python(*codes):
    trials = [Trial(number, {}) for number in range(len(codes))]
    return [
        grouping.Task((trial,), ["-c", code], trial.folder)
        for trial, code in zip(trials, codes, strict=True)
    ]


def test_a_pool_says_how_each_process_ended():
    codes = (
        "import os; os.kill(os.getpid(), 9)",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('told')",
        "import sys; sys.exit(143)",
        "",
    )
    with processes.pool(2) as pool:
        found = {
            task.trials[0].number: ended for task, ended in pool.run(python(*codes))
        }
    assert [found[n].code for n in range(5)] == [-9, 3, 1, -15, 0]
    assert [found[n].is_lost for n in range(5)] == [True, False, False, True, False]
    assert found[0].said == "its process was ended by SIGKILL"
    assert found[2].said == "told"


def test_a_pool_runs_as_many_processes_at_a_time_as_it_has_workers(tmp_path):
    code = (
        "import os, pathlib, time\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "(folder / str(os.getpid())).touch()\n"
        "deadline = time.monotonic() + 20\n"
        "while len([*folder.iterdir()]) < 2 and time.monotonic() < deadline:\n"
        "    time.sleep(0.01)\n"
        "assert len([*folder.iterdir()]) == 2\n"
    )
    with processes.pool(2) as pool:
        assert [ended.code for _, ended in pool.run(python(code, code))] == [0, 0]


def test_who_leaves_a_pool_ends_its_processes(tmp_path):
    file = tmp_path / "pid"
    code = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); "
    with processes.pool(2) as pool:
        running = pool.run(python("", f"{code}time.sleep(60)"))
        next(running)
        while not (file.exists() and file.read_text()):
            time.sleep(0.01)
        running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_the_processes_of_a_driver_that_is_killed_end_too(tmp_path):
    file = tmp_path / "pid"
    child = (
        "import os, time; from lec7 import signals; signals.end_with_parent(); "
        f"open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    driver = f"from lec7.sweeps import processes; processes.attempt(['-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", driver])
    while not (file.exists() and file.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while is_alive(int(file.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
