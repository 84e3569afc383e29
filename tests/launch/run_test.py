import json
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lec7.report.vocabulary import FEWEST


def start(*words):
    """Start the copy as a process of its own."""
    command = [sys.executable, "launch.py", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def start_and_wait_for_measuring(*words):
    words = ("--config.wait=60", *words)
    return start_and_wait_for("run/measuring", *words)


def start_and_wait_for(path, *words):
    process = start("--experiment=fake", "--workdir=run", *words)
    deadline = time.monotonic() + 60
    while not pathlib.Path(path).exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def record(folder="run"):
    return json.loads(pathlib.Path(folder, "run.json").read_text())


def test_a_run_leaves_its_record_and_says_where_its_report_is(launch, capsys):
    assert launch("--experiment=fake", "--config.batch_size=32") == 0
    (folder,) = pathlib.Path("runs").iterdir()
    assert folder.name.startswith("fake-")
    first, *phases, last, report, hint = capsys.readouterr().out.splitlines()
    assert first.startswith(f"fake · {folder} · about 1-2 minutes on two CPU cores")
    assert first.endswith(f" · claims that take {FEWEST} seeds will be untested")
    assert phases == ["phase 1 of 2: train", "phase 2 of 2: measure"]
    assert last == f"{folder} is finished: 2 supported, 1 inconclusive"
    assert report == f"its report is {folder}/report.html"
    assert hint == f"to see it: python launch.py --open={folder}"
    assert json.loads((folder / "config.json").read_text())["batch_size"] == 32
    found = record(folder)
    assert (found["experiment"], found["status"]) == ("fake", "finished")
    (attempt,) = found["attempts"]
    assert attempt["seconds"].keys() == {"train", "measure"}
    assert attempt["platform"] == "cpu"
    page = (folder / "report.html").read_text()
    assert "python launch.py --experiment=fake --config.batch_size=32" in page
    assert "On 1 devices." in page


def test_a_finished_run_says_so_and_is_not_run_again(launch, files, capsys):
    assert launch("--experiment=fake", "--workdir=run") == 0
    told = capsys.readouterr().out.splitlines()[-3:]
    before = files()
    assert launch("--experiment=fake", "--workdir=run", "--config.rate=.1") == 0
    assert capsys.readouterr().out.splitlines() == told
    assert files() == before


def test_a_run_whose_own_data_have_changed_is_not_taken_for_the_same(
    launch, place, capsys
):
    given = place / "own data.npz"
    np.savez(given, x_train=np.zeros((4, 2)))
    words = ("--experiment=fake", f"--config.dataset={given}", "--workdir=run")
    assert launch(*words) == 0
    assert launch(*words) == 0
    np.savez(given, x_train=np.ones((4, 2)))
    assert launch(*words) == 2
    assert f"{given} has changed since the run in run" in capsys.readouterr().err
    assert launch(*words[:2], "--workdir=another") == 0


def test_a_finished_run_whose_report_is_gone_writes_it_again(launch):
    assert launch("--experiment=fake", "--workdir=run") == 0
    pathlib.Path("run/report.html").unlink()
    assert launch("--experiment=fake", "--workdir=run") == 0
    assert pathlib.Path("run/report.html").exists()
    assert len(record()["attempts"]) == 2


@pytest.mark.parametrize(
    ("end", "code", "message"),
    [
        ("3", 3, "ended with 3"),
        ("4", 4, "ended with 4"),
        ("5", 5, "ended with 5"),
        ("full", 6, "No space left on device"),
    ],
)
def test_a_failure_the_user_can_mend_is_one_line(launch, capsys, end, code, message):
    assert launch("--experiment=fake", "--workdir=run", f"--config.end={end}") == code
    err = capsys.readouterr().err
    assert err.startswith("launch.py: ") and err.endswith(f"{message}\n")
    assert err.count("\n") == 1
    found = record()
    assert found["status"] == "failed"
    assert found["attempts"][0]["exit"] == code
    assert message in found["attempts"][0]["error"]


def test_a_bug_keeps_its_traceback(launch, capsys):
    assert launch("--experiment=fake", "--workdir=run", "--config.end=bug") == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("ZeroDivisionError: a bug of the fake\n")
    assert "a bug of the fake" in record()["attempts"][0]["error"]


def told(folder="run"):
    """Return what a run has told: path -> bytes."""
    paths = [*pathlib.Path(folder, "figures").iterdir()]
    paths += [pathlib.Path(folder, name) for name in ("claims.json", "report.html")]
    return {path: path.read_bytes() for path in paths}


def test_a_finished_run_is_told_again_byte_for_byte(launch, capsys):
    assert launch("--experiment=fake", "--workdir=run") == 0
    lines = capsys.readouterr().out.splitlines()[-3:]
    before = told()
    for path in before:
        path.unlink()
    assert launch("--render=run") == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert told() == before
    assert len(record()["attempts"]) == 1


def test_a_page_says_that_other_code_has_told_it(launch):
    assert launch("--experiment=fake", "--workdir=run") == 0
    found = record()
    found["attempts"][0]["git"] = {"commit": "0" * 40, "dirty": True}
    pathlib.Path("run/run.json").write_text(json.dumps(found))
    assert launch("--render=run") == 0
    page = pathlib.Path("run/report.html").read_text()
    assert f"{'0' * 40}, changed since" in page
    assert "told by commit" in page


def test_claims_that_come_out_again_verify(launch, capsys):
    assert launch("--experiment=fake", "--workdir=run") == 0
    assert launch("--verify=run") == 0
    expected = "run: all 3 claims come out again as in claims.json"
    assert capsys.readouterr().out.splitlines()[-1] == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [("verdict", "contradicted"), ("effect", 1.0001), ("above", 0), ("seeds", 2)],
)
def test_a_claim_that_comes_out_otherwise_does_not_verify(launch, capsys, field, value):
    assert launch("--experiment=fake", "--workdir=run") == 0
    path = pathlib.Path("run/claims.json")
    rows = json.loads(path.read_text())
    rows[0][field] = value
    path.write_text(json.dumps(rows))
    assert launch("--verify=run") == 8
    err = capsys.readouterr().err
    assert err.startswith("launch.py: run does not verify:\n  c0: ")
    assert f"c0: {field} was {value!r}; it is " in err


def test_a_number_of_the_findings_that_changed_does_not_verify(launch, place, capsys):
    assert launch("--experiment=fake", "--workdir=run") == 0
    path = pathlib.Path("run/findings.npz")
    with np.load(path) as file:
        arrays = dict(file)
    arrays["effects"][0, 0] += 1e-6
    np.savez(path, **arrays)
    assert launch("--verify=run") == 8
    assert "c0: effect was 1.0" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--render", "--verify"])
def test_a_run_without_findings_is_neither_told_nor_verified(launch, capsys, flag):
    assert launch("--experiment=fake", "--workdir=run", "--config.end=3") == 3
    assert launch(f"{flag}=run") == 2
    assert f"{flag}=run: the run has no findings yet" in capsys.readouterr().err
    assert launch(f"{flag}=nowhere") == 2
    assert "expected the folder of a run" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--render", "--verify"])
def test_damaged_findings_are_one_message(launch, files, capsys, flag):
    assert launch("--experiment=fake", "--workdir=run") == 0
    path = pathlib.Path("run/findings.npz")
    path.write_bytes(path.read_bytes()[:-20])
    before = files()
    assert launch(f"{flag}=run") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "run/findings.npz is damaged" in err
    assert files() == before


def test_a_kill_between_findings_and_page_measures_nothing_again(launch):
    assert launch("--experiment=fake", "--workdir=run") == 0
    whole = told()
    for path in whole:
        path.unlink()
    set_status("running")
    assert launch("--experiment=fake", "--workdir=run") == 0
    assert told().keys() == whole.keys()
    assert pathlib.Path("run/trained").read_text() == "trained"


def test_a_kill_before_the_run_is_tidied_measures_nothing_again(launch):
    assert launch("--experiment=fake", "--workdir=run") == 0
    whole, found = told(), pathlib.Path("run/findings.npz")
    found.rename("run/.findings.npz")
    set_status("running")
    assert launch("--experiment=fake", "--workdir=run") == 0
    assert told() == whole and not pathlib.Path("run/.findings.npz").exists()
    assert pathlib.Path("run/trained").read_text() == "trained"


def test_a_kill_inside_the_page_measures_nothing_again(launch):
    process = start_and_wait_for("drawing", "--config.end=page")
    process.kill()
    process.communicate()
    assert pathlib.Path("run/figures/fake.png").exists()
    assert not pathlib.Path("run/report.html").exists()
    assert launch("--experiment=fake", "--workdir=run", "--config.end=page") == 0
    assert pathlib.Path("run/report.html").exists()
    assert pathlib.Path("run/trained").read_text() == "trained"


def set_status(status):
    found = record() | {"status": status}
    pathlib.Path("run/run.json").write_text(json.dumps(found))


def test_a_folder_serves_one_configuration_only(launch, files, capsys):
    assert launch("--experiment=fake", "--workdir=run") == 0
    before = files()
    assert launch("--experiment=fake", "--workdir=run", "--config.rate=.2") == 2
    assert "with rate=0.1, not 0.2" in capsys.readouterr().err
    assert files() == before


def test_a_folder_in_use_is_refused_and_a_killed_run_resumes(launch, capsys):
    process = start_and_wait_for_measuring()
    words = ("--experiment=fake", "--workdir=run", "--config.wait=60")
    assert launch(*words) == 7
    assert f"run is in use by process {process.pid} on " in capsys.readouterr().err
    assert len(record()["attempts"]) == 1
    process.kill()
    process.communicate()
    assert record()["status"] == "running"
    assert launch(*words) == 0
    assert "run is unfinished: resuming, attempt 2" in capsys.readouterr().out
    found = record()
    assert found["status"] == "finished"
    assert [attempt["exit"] for attempt in found["attempts"]] == [None, 0]
    assert pathlib.Path("run/trained").read_text() == "trained trained"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_the_run_in_order(place, number, code):
    process = start_and_wait_for_measuring("--devices=3")
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert err.count("\n") == 1
    assert err.startswith("launch.py: ")
    assert "the same command resumes the run" in err
    found = record()
    assert found["status"] == "interrupted"
    (attempt,) = found["attempts"]
    assert attempt["exit"] == code
    assert attempt["seconds"].keys() == {"train", "measure"}
    assert len(attempt["devices"]) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_inside_a_collection_of_garbage_is_not_lost(place, number):
    """JAX installs such a callback; an exception raised inside is printed and lost."""
    path = pathlib.Path("experiments/fake.py")
    send = f"gc.callbacks.clear() or os.kill(os.getpid(), {number:d})"
    callback = f"gc.callbacks.append(lambda *_: {send})"
    path.write_text(f"{path.read_text()}\nimport gc\n\n{callback}\ngc.collect()\n")
    process = start("--experiment=fake", "--workdir=run", "--config.wait=60")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err.count("\n") == 1


def test_a_second_signal_ends_the_run_at_once(place):
    process = start_and_wait_for_measuring("--config.end=deaf")
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=5)[1]
    assert process.returncode == 143
    assert err == "launch.py: ended at once; the same command resumes the run\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes().replace(b"supp", b"cont")),
    ],
    ids=["emptied", "truncated", "deleted", "edited"],
)
@pytest.mark.parametrize("name", ["claims.json", "report.html", "figures/fake.npz"])
def test_a_finished_run_whose_files_are_damaged_is_told_again(
    launch, capsys, name, damage
):
    assert launch("--experiment=fake", "--workdir=run") == 0
    before = told()
    line = capsys.readouterr().out.splitlines()[-1]
    path = pathlib.Path("run", name)
    damage(path)
    differs = not path.exists() or path.read_bytes() != before[path]
    assert launch("--experiment=fake", "--workdir=run") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == line
    assert (f"run is changed ({name}): resuming, attempt 2" in out) == differs
    for name in ("claims.json", "figures/fake.npz"):
        path = pathlib.Path("run", name)
        assert path.read_bytes() == before[path]
    assert pathlib.Path("run/trained").read_text() == "trained"


def test_other_code_on_resume_is_said_and_shown(launch, capsys):
    assert launch("--experiment=fake", "--workdir=run") == 0
    found = record()
    found["attempts"][0]["versions"]["jax"] = "0.0.1"
    found["attempts"][0]["git"] = {"commit": "0" * 40, "dirty": False}
    pathlib.Path("run/run.json").write_text(json.dumps(found))
    set_status("running")
    assert launch("--experiment=fake", "--workdir=run") == 0
    out = capsys.readouterr().out
    assert "attempt 1 ran otherwise: jax 0.0.1 -> " in out
    assert f"attempt 1 ran otherwise: commit {'0' * 40} -> " in out
    page = pathlib.Path("run/report.html").read_text()
    assert "attempt 1 ran on" in page
    assert f"jax 0.0.1, commit {'0' * 40}" in page


@pytest.mark.parametrize("name", ["config.json", "run.json", "findings.npz"])
def test_a_folder_where_a_file_belongs_is_one_message(launch, capsys, name):
    assert launch("--experiment=fake", "--workdir=run") == 0
    set_status("running")
    path = pathlib.Path("run", name)
    path.unlink()
    path.mkdir()
    assert launch("--experiment=fake", "--workdir=run") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "damaged" in err


def test_more_devices_than_can_be_simulated_are_refused(launch, capsys):
    assert launch("--experiment=fake", "--workdir=run", "--devices=100000") == 2
    assert "--devices=100000: expected at most 256" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["nowhere", "loop"])
def test_a_link_that_leads_nowhere_is_wrong_use(launch, capsys, target):
    pathlib.Path("loop").symlink_to(target)
    assert launch("--experiment=fake", "--workdir=loop") == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("damage", [pathlib.Path.unlink, pathlib.Path.touch])
def test_what_a_finished_run_has_trained_is_not_lost_in_silence(launch, capsys, damage):
    assert launch("--experiment=fake", "--workdir=run") == 0
    path = pathlib.Path("run/trained")
    path.write_bytes(b"")
    damage(path)
    assert launch("--experiment=fake", "--workdir=run") == 4
    assert "run/trained is not what the run wrote" in capsys.readouterr().err
    assert launch("--verify=run") == 0
    pathlib.Path("run/findings.npz").unlink()
    assert launch("--experiment=fake", "--workdir=run") == 0
    assert "run is changed (findings.npz): resuming" in capsys.readouterr().out
    assert path.read_text() == "trained"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_nobody_reads_decides_the_exit_code(number):
    code = (
        "import os, sys; from lec7 import signals; signals.install('x'); "
        f"os.kill(os.getpid(), {number:d}); signals.leave(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 128 + number


def test_a_run_that_is_told_again_still_knows_what_it_has_trained(launch, capsys):
    assert launch("--experiment=fake", "--workdir=run") == 0
    pathlib.Path("run/report.html").unlink()
    assert launch("--experiment=fake", "--workdir=run") == 0
    pathlib.Path("run/trained").write_text("other")
    assert launch("--experiment=fake", "--workdir=run") == 4
    assert "run/trained is not what the run wrote" in capsys.readouterr().err
