import io
import pathlib
import pickle
import zipfile

import chex
import numpy as np
import pytest

from lec7 import data
from lec7.data import paths

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (30, 4, 5), dtype=np.uint8)
LABELS = np.arange(30) % 3
GOOD = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}


@pytest.fixture
def save(tmp_path):
    """Arrays by their names -> the path of an .npz."""

    def write(arrays, how=np.savez):
        how(tmp_path / "mine.npz", **arrays)
        return str(tmp_path / "mine.npz")

    return write


@pytest.mark.parametrize("how", [np.savez, np.savez_compressed])
def test_the_arrays_of_keras_are_read_exactly(save, how):
    dataset = data.load(save(GOOD, how))
    expected = np.float32(IMAGES[..., None]) / 255
    np.testing.assert_array_equal(dataset.test.images, expected)
    np.testing.assert_array_equal(dataset.test.labels, LABELS)
    assert (dataset.num_classes, len(dataset.train.labels)) == (3, 27)


def test_other_splits_and_the_names_of_medmnist_are_known(save):
    names = {"train": 30, "val": 6, "test": 9}
    arrays = {}
    for name, n in names.items():
        arrays |= {f"{name}_images": IMAGES[:n], f"{name}_labels": LABELS[:n, None]}
    dataset = data.load(save(arrays))
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [len(split.labels) for split in splits] == [30, 6, 9]


def without(key):
    return {name: array for name, array in GOOD.items() if name != key}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (without("x_train"), r"the arrays \['x_test', .*; expected x_train too"),
        (without("y_test"), "expected y_test too"),
        ({"a": IMAGES}, r"the arrays \['a'\]; expected x_train, y_train too"),
        ({}, r"the arrays \[\]; expected x_train, y_train"),
        (GOOD | {"x_test": IMAGES[1:]}, "test has 29 images and 30 labels"),
        (GOOD | {"x_test": IMAGES[:, 1:]}, "test images have shape"),
        (GOOD | {"x_train": IMAGES / np.nan}, r"train images\[0, 0, 0\] is nan"),
        (
            GOOD | {"y_train": np.array([None] * 30)},
            "Python objects in y_train; .* pick",
        ),
        (GOOD | {"y_train": LABELS.astype(str)}, "labels are <U21"),
        (GOOD | {"y_test": LABELS + 1}, r"test labels\[2\] is 3; expected a class"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_a_wrong_file_is_one_message_that_names_it(save, arrays, message):
    path = save(arrays)
    with pytest.raises(data.DataError, match=f"(?s){path}.*{message}") as caught:
        data.load(path)
    assert caught.value.exit_code == 3


def test_no_pickle_is_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in GOOD.items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(f"{key}.npy", file.getvalue())
        archive.writestr("x_val.npy", pickle.dumps(Trap()))
        archive.writestr("y_val.npy", pickle.dumps(Trap()))
    with pytest.raises(data.DataError, match=f"{path} is no good .npz"):
        data.load(str(path))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("place", [0, 0.01, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("how", [np.savez, np.savez_compressed])
def test_a_file_that_is_cut_off_is_named(save, how, place):
    path = pathlib.Path(save(GOOD, how))
    content = path.read_bytes()
    path.write_bytes(content[: int(place * len(content))])
    with pytest.raises(data.DataError, match=f"{path} is no good .npz .*: write it"):
        data.load(str(path))


@pytest.mark.parametrize("how", [np.savez, np.savez_compressed])
def test_no_array_of_a_damaged_file_is_read(save, how):
    path = pathlib.Path(save(GOOD, how))
    content, expected = path.read_bytes(), data.load(str(path))
    found = 0
    with zipfile.ZipFile(path) as archive:
        end = archive.start_dir  # of what the archive's list describes
    for at in range(0, end - 9, 37):
        path.write_bytes(content[:at] + b"\xff" * 9 + content[at + 9 :])
        try:
            dataset = data.load(str(path))
        except data.DataError as error:
            assert str(path) in str(error)
            found += 1
        else:  # bytes that mean nothing
            chex.assert_trees_all_equal(dataset.train, expected.train)
            chex.assert_trees_all_equal(dataset.test, expected.test)
    assert found > 30


def test_what_takes_too_much_memory_is_refused_before_it_is_read(tmp_path):
    with pytest.raises(data.DataError, match="take 58.41 GiB as float32; expected at"):
        data.load(str(write_heads(tmp_path, zipfile.ZIP_DEFLATED)))


def test_bytes_that_the_disk_should_have_and_has_not_are_damage(tmp_path):
    with pytest.raises(data.DataError, match="is no good .npz"):
        data.load(str(write_heads(tmp_path, zipfile.ZIP_STORED)))


def write_heads(folder, compression):
    """Write an .npz of arrays of many bytes, of which it has the heads alone."""
    path = folder / "mine.npz"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for key in GOOD:
            head = io.BytesIO()
            shape = (10**7, 28, 28) if key[0] == "x" else (10**7,)
            given = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(head, given)
            archive.writestr(f"{key}.npy", head.getvalue())
    return path


@pytest.mark.parametrize(
    "name", ["none.npz", "./none", "../none", "~/none", "/none:3x3"]
)
def test_a_path_that_is_not_there_is_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(data.DataError, match="none.* does not exist; expected an .npz"):
        data.load(name)


def test_a_file_of_another_kind_is_refused(tmp_path, save):
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(data.DataError, match="a.csv is no .npz; expected"):
        data.load(str(tmp_path / "a.csv"))
    with pytest.raises(data.DataError, match="only a folder of images can be given a"):
        data.load(f"{save(GOOD)}:8x8")
    with pytest.raises(data.DataError, match="a.csv is no folder"):
        data.from_folder(tmp_path / "a.csv")


def test_a_name_is_a_path_if_it_looks_like_one_or_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("birds", "digits", "cifar10"):
        (tmp_path / folder).mkdir()
    for name in ("a.npz", "a/b.NPZ", "./x", ".", "~/x", "/x", "birds", "birds:8x8"):
        assert paths.is_path(name), name
    for name in ("digits", "cifar10:3.*.*", "glyphs/grey28", "mnist", "bird", "", None):
        assert not paths.is_path(name), name


def test_short_names_leave_out_folders_configs_and_sizes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {
        "digits": "digits",
        "glyphs/grey28-60": "glyphs",
        "mnist:3.*.*": "mnist",
        "sets/mine.npz": "mine",
        "/a/birds.v2:32x32": "birds_v2",
        "./birds/": "birds",
        ".": tmp_path.name,
    }
    assert {name: paths.short_name(name) for name in names} == names
