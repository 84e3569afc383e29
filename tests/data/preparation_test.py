import errno
import os
import re
import shutil
import socket
import threading
import time

import numpy as np
import pytest
import requests

from lec7 import data
from lec7.data import preparation

RECORDS = "digits-train.array_record-00000-of-00001"
INFO = "dataset_info.json"


def cut_in_half(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def garble(path):
    path.write_bytes(b"\xff\xfe\x00")


def remove(path):
    path.unlink()


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        *((RECORDS, harm) for harm in (cut_in_half, empty, flip_a_bit, garble, remove)),
        *((INFO, harm) for harm in (cut_in_half, empty, garble, remove)),
    ],
)
def test_damaged_files_are_found(folder, tmp_path, file, harm):
    shutil.copytree(folder / "digits", tmp_path / "digits")
    harm(tmp_path / "digits" / "1.0.0" / file)
    with pytest.raises(
        data.DataError, match=f"{tmp_path}/digits.* are damaged .*: delete that folder"
    ):
        data.load("digits", data_dir=tmp_path)


def test_what_the_message_says_repairs_the_damage(folder, tmp_path):
    shutil.copytree(folder / "digits", tmp_path / "digits")
    cut_in_half(tmp_path / "digits" / "1.0.0" / RECORDS)
    with pytest.raises(data.DataError) as caught:
        data.load("digits", data_dir=tmp_path)
    shutil.rmtree(re.search(r"The records in (\S+) are", str(caught.value))[1])
    repaired = data.load("digits", data_dir=tmp_path)
    expected = data.load("digits", data_dir=folder)
    np.testing.assert_array_equal(repaired.train.images, expected.train.images)


def test_another_format_is_refused(folder, tmp_path):
    shutil.copytree(folder / "digits", tmp_path / "digits")
    info = tmp_path / "digits" / "1.0.0" / INFO
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(data.DataError, match="the format tfrecord; expected array_rec"):
        data.load("digits", data_dir=tmp_path)


def test_without_tensorflow_an_unprepared_set_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "tensorflow_installed", lambda: False)
    start = time.perf_counter()
    with pytest.raises(data.DataError) as caught:
        data.load("mnist", data_dir=tmp_path)
    assert time.perf_counter() - start < 5
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"The data set 'mnist' is not in {tmp_path}/mnist/3.0.1. TFDS needs TensorFlow "
        "to prepare it: run `pip install tensorflow-cpu` once; or copy there what "
        "another machine prepared in the format array_record; or use 'digits', "
        "'glyphs', 'mnist1d' or 'mnist5k', which need no network"
    )


def test_without_network_an_unprepared_set_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "tensorflow_installed", lambda: True)
    monkeypatch.setattr(preparation, "answers", lambda url, timeout: False)
    with pytest.raises(
        data.DataError,
        match=r"https://.*mnist.* did not answer within 2 s: connect to the network",
    ):
        data.load("mnist", data_dir=tmp_path, timeout=2)


def test_what_tfds_says_of_a_failed_download_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "tensorflow_installed", lambda: True)
    with pytest.raises(
        data.DataError,
        match="(?s)'imagenet2012' is not in .* could not prepare it: .*ILSVRC2012_img",
    ):
        data.load("imagenet2012", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("mnits", "mnist"),
        ("CIFAR10", "cifar10"),
        ("digit", "digits"),
        ("glyphs/color32", "glyphs/colour32"),
        ("emnist/ballanced", "emnist/balanced"),
        ("mnist:9.0.0", "mnist"),
        ("mnist/fashion", "mnist"),
        ("digits/small", "digits"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, nearest, tmp_path):
    with pytest.raises(data.UnknownDatasetError) as caught:
        data.load(name, data_dir=tmp_path)
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"There is no data set {name!r}; the nearest match is {nearest!r}"
    )
    assert not list(tmp_path.iterdir())


def test_of_two_that_prepare_at_once_one_waits(tmp_path, monkeypatch):
    calls, prepare = [], preparation._prepare

    def slowly(builder, timeout):
        calls.append(builder.name)
        time.sleep(0.3)
        prepare(builder, timeout)

    monkeypatch.setattr(preparation, "_prepare", slowly)
    sizes = []

    def load():
        sizes.append(len(data.load("digits", data_dir=tmp_path).test.labels))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [517, 517]
    assert calls == ["digits"]


def test_preparing_says_nothing(tmp_path, capfd):
    data.load("digits", data_dir=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_folder_is_an_argument_or_a_variable_or_our_own(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LEC7_DATA_DIR", "~/elsewhere")
    assert preparation.data_folder("/given").as_posix() == "/given"
    assert preparation.data_folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("LEC7_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert preparation.data_folder() == tmp_path / "cache" / "lec7" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert preparation.data_folder() == tmp_path / ".cache" / "lec7" / "data"


@pytest.fixture
def server(monkeypatch):
    """A socket that takes connections and never answers, and its address."""
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}/file"


def test_an_answer_with_an_error_is_an_answer(server):
    listener, url = server

    def refuse():
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=refuse)
    thread.start()
    assert preparation.answers(url, 5)
    thread.join()


def test_silence_and_refusal_are_no_answer(server):
    listener, url = server
    start = time.perf_counter()
    assert not preparation.answers(url, 0.2)
    listener.close()
    assert not preparation.answers(url, 5)
    assert time.perf_counter() - start < 2


def test_a_name_that_is_looked_up_for_ever_is_no_answer(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(requests, "head", lambda *_, **__: release.wait())
    assert not preparation.answers("http://example.invalid", 0.1)
    release.set()


def test_what_killed_processes_left_is_removed(tmp_path):
    stale = tmp_path / "digits" / "incomplete.ABC123_1.0.0"
    stale.mkdir(parents=True)
    (stale / "part").write_text("half")
    other = tmp_path / "digits" / "incomplete.ABC123_9.0.0"
    other.mkdir()
    builder = preparation.prepared("digits", data_dir=tmp_path)
    assert builder.data_path.name == "1.0.0"
    assert not stale.exists()
    assert other.exists()


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "TFDS says something else"),
        (None, "Failed to finalize split: write() failed: No space left on device; at"),
    ],
)
def test_a_full_disk_is_not_the_data(tmp_path, monkeypatch, cause, told):
    def fail(builder, **options):
        del builder, options
        raise RuntimeError(told) from cause

    kind = type(preparation.builders.find("digits", tmp_path))
    monkeypatch.setattr(kind, "download_and_prepare", fail)
    with pytest.raises(OSError, match=f"No space left on device: .*{tmp_path}"):
        preparation.prepared("digits", data_dir=tmp_path)


@pytest.mark.parametrize(
    "name", ["huggingface:mnist", "hf://mnist", "kubric:x", "", " ", "a\\b", None]
)
def test_names_of_other_collections_are_not_supported_and_said(name, tmp_path):
    with pytest.raises(data.UnknownDatasetError, match="is no name .* not fetched: "):
        data.load(name, data_dir=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", [-24, 24])
def test_records_are_as_many_as_their_description_says(folder, tmp_path, change):
    shutil.copytree(folder / "digits", tmp_path / "digits")
    info = tmp_path / "digits" / "1.0.0" / INFO
    told = str(1024 + change)
    info.write_text(info.read_text().replace('"1024"', f'"{told}"'))
    for read in (
        lambda: data.load("digits", data_dir=tmp_path),
        lambda: data.stream(
            "digits", "test", batch_size=8, seed=None, data_dir=tmp_path
        ),
    ):
        with pytest.raises(data.DataError, match=f"has 1024 records; .* says {told}"):
            read()
