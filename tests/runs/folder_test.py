import errno
import json
import os

import pytest

from lec7 import runs
from lec7.runs import json_file

CONFIG = '{"batch_size":64,"rule":{"rate":0.1}}'


def begun(folder, experiment="fake", config=CONFIG):
    folder.mkdir(parents=True, exist_ok=True)
    with runs.lock(folder), runs.attempt(folder, experiment, config, environment={}):
        pass


def refusal(folder):
    with pytest.raises(runs.UsageError) as caught:
        runs.examine(folder, "fake", CONFIG)
    text = str(caught.value)
    assert text.startswith(f"--workdir={folder}: ")
    assert "expected" in text
    assert "\n" not in text
    return text


def test_a_folder_without_a_run_has_no_record_and_is_left_alone(tmp_path):
    missing = tmp_path / "a" / "b"
    assert runs.examine(missing, "fake", CONFIG) == {}
    assert runs.examine(tmp_path, "fake", CONFIG) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["", "deep/er"])
def test_a_path_through_a_file_is_refused(tmp_path, inside):
    (tmp_path / "notes").write_text("mine")
    assert "notes is a file" in refusal(tmp_path / "notes" / inside)


def test_a_folder_of_another_experiment_is_refused(tmp_path):
    begun(tmp_path, experiment="real")
    assert "of real, not of fake" in refusal(tmp_path)


def test_a_folder_of_another_configuration_is_refused_by_the_difference(tmp_path):
    begun(tmp_path, config='{"batch_size":64,"rule":{"rate":0.2},"steps":9}')
    text = refusal(tmp_path)
    assert "with rule.rate=0.2, not 0.1, with steps=9, not None" in text
    assert "batch_size" not in text


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    assert "holds thesis.tex and no run" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "config.json"])
@pytest.mark.parametrize("text", ['{"status": ', "[]", "3"])
def test_a_folder_whose_files_are_damaged_is_refused(tmp_path, name, text):
    begun(tmp_path)
    (tmp_path / name).write_text(text)
    assert "damaged" in refusal(tmp_path)


def test_a_run_killed_before_its_record_was_whole_begins_anew(tmp_path):
    (tmp_path / ".lock").write_text("process 1 on host")
    (tmp_path / ".run.json.new").write_text('{"stat')
    json_file.write(tmp_path / "config.json", json.loads(CONFIG))
    assert runs.examine(tmp_path, "fake", CONFIG) == {}
    begun(tmp_path)
    assert runs.examine(tmp_path, "fake", CONFIG)["status"] == "finished"


def test_the_lock_names_its_holder_and_is_free_again_afterwards(tmp_path):
    folder = tmp_path / "a" / "b"
    with (
        runs.lock(folder),
        pytest.raises(runs.FolderInUseError, match=f"process {os.getpid()} on"),
        runs.lock(folder),
    ):
        pass
    with runs.lock(folder):
        pass


def test_a_json_file_that_cannot_be_replaced_keeps_its_content(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    json_file.write(path, {"a": 1})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        json_file.write(path, {"a": 2})
    assert json_file.read(path) == {"a": 1}


def test_a_folder_in_which_nothing_was_written_is_removed_again(tmp_path):
    with runs.lock(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    with runs.lock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_wrong_use_found_late_keeps_what_the_run_has_written(tmp_path):
    class DatasetNameError(Exception):
        exit_code = 2

    with (
        pytest.raises(DatasetNameError),
        runs.lock(tmp_path),
        runs.attempt(tmp_path, "fake", CONFIG, environment={}),
    ):
        (tmp_path / "metrics.jsonl").write_text("{}")
        raise DatasetNameError
    assert runs.examine(tmp_path, "fake", CONFIG)["attempts"][0]["exit"] == 2
