import gzip
import hashlib

import numpy as np
import pytest

from lec7 import data
from lec7.data import idx, preparation

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (30, 4, 5), dtype=np.uint8)
LABELS = np.arange(30, dtype=np.uint8) % 3
CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def encoded(values):
    """The bytes of an IDX file, as its definition has them."""
    kind = values.dtype.str[1:]
    head = bytes([0, 0, CODES[kind], values.ndim])
    return (
        head
        + np.array(values.shape, ">u4").tobytes()
        + values.astype(f">{kind}").tobytes()
    )


def write(
    folder,
    form="{}-{}-idx{}-ubyte",
    images=IMAGES,
    labels=LABELS,
    splits=("train", "t10k"),
):
    folder.mkdir(exist_ok=True)
    for split in splits:
        for kind, values in (("images", images), ("labels", labels)):
            path = folder / form.format(split, kind, values.ndim)
            content = encoded(values)
            zipped = path.suffix == ".gz"
            path.write_bytes(gzip.compress(content) if zipped else content)
    return folder


@pytest.mark.parametrize(
    "form",
    [
        "{}-{}-idx{}-ubyte",
        "{}-{}-idx{}-ubyte.gz",
        "{}-{}.idx{}-ubyte",
        "emnist-letters-{}-{}-idx{}-ubyte.gz",
    ],
)
def test_the_files_of_mnist_and_its_kin_are_read_exactly(tmp_path, form):
    dataset = data.load(str(write(tmp_path / "set", form)))
    np.testing.assert_array_equal(dataset.test.images[..., 0], np.float32(IMAGES) / 255)
    np.testing.assert_array_equal(dataset.test.labels, LABELS)
    assert (dataset.num_classes, len(dataset.train.labels)) == (3, 27)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_numbers_are_not_divided_and_labels_may_be_wider(tmp_path, kind):
    values = DRAW.normal(size=(30, 7, 1)).astype(kind)
    write(
        tmp_path,
        images=values,
        labels=LABELS.astype("i4"),
        splits=("train", "val", "test"),
    )
    dataset = data.from_folder(tmp_path)
    np.testing.assert_array_equal(dataset.train.images, np.float32(values))
    np.testing.assert_array_equal(dataset.validation.labels, LABELS)


def test_a_plain_file_is_taken_before_its_gzip(tmp_path):
    write(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"unread")
    assert len(data.from_folder(tmp_path).train.labels) == 27


def cut(content):
    return content[:-1]


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (cut, r"\[30, 4, 5\] uint8 take 616 bytes; it has 615"),
        (lambda content: content + b"0", "take 616 bytes; it has more"),
        (lambda content: b"PK\3\4" + content, "it begins with 50 4b 03 04"),
        (lambda content: content[:10], "it begins with 00 00 08 03"),
        (lambda content: b"\0\0", "it begins with 00 00"),
        (lambda content: b"", "it begins with "),
        (lambda content: b"\0\0\7\1" + content[4:], "it begins with 00 00 07 01"),
        (lambda content: b"\0\0\10\0" + content[4:], "it begins with 00 00 08 00"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, suffix, harm, message):
    path = (
        write(tmp_path, "{}-{}-idx{}-ubyte" + suffix)
        / f"t10k-images-idx3-ubyte{suffix}"
    )
    content = harm(encoded(IMAGES))
    path.write_bytes(gzip.compress(content) if suffix else content)
    with pytest.raises(data.DataError, match=f"{path} is not the IDX file .*{message}"):
        data.from_folder(tmp_path)


@pytest.mark.parametrize(
    "harm",
    [cut, lambda c: c[:5], lambda c: b"0" + c, lambda c: c[:20] + b"00" + c[22:]],
)
def test_a_damaged_gzip_is_named(tmp_path, harm):
    path = write(tmp_path, "{}-{}-idx{}-ubyte.gz") / "train-images-idx3-ubyte.gz"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(
        data.DataError, match=f"{path} is not the IDX file .*replace it"
    ):
        data.from_folder(tmp_path)


def test_a_missing_or_doubtful_file_is_named(tmp_path):
    write(tmp_path)
    (tmp_path / "other-train-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(data.DataError, match="expected one file of train labels"):
        data.from_folder(tmp_path)
    (tmp_path / "other-train-labels-idx1-ubyte").unlink()
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(data.DataError, match="expected IDX files of test-labels too"):
        data.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("train-images-idx3-ubyte", "take .* bytes; it has 16"),
        ("train-images-idx3-ubyte.gz", "GiB as float32; expected at most 2.00"),
    ],
)
def test_a_head_that_tells_of_too_much_is_refused_before_it_is_read(
    tmp_path, name, said
):
    write(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    head = b"\0\0\10\3" + b"\xff" * 12
    path = tmp_path / name
    path.write_bytes(gzip.compress(head) if path.suffix == ".gz" else head)
    with pytest.raises(data.DataError, match=said):
        data.from_folder(tmp_path)


def test_labels_that_begin_at_one_say_how_to_number_them(tmp_path):
    with pytest.raises(data.DataError, match="have the class 1 and not 0.*np.unique"):
        data.from_folder(write(tmp_path, labels=LABELS + 1))


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """A data folder in which IDX files of our own count as Fashion-MNIST's."""
    folder = write(tmp_path / "fashion_mnist", "{}-{}-idx{}-ubyte.gz")
    hashes = {
        f"{split}-{kind}": hashlib.sha256(encoded(values)).hexdigest()
        for split in ("train", "test")
        for kind, values in (("images", IMAGES), ("labels", LABELS))
    }
    monkeypatch.setattr(idx, "FASHION_MNIST", hashes)
    return folder


def test_fashion_mnist_is_known_by_what_is_inside_its_files(fashion):
    dataset = data.load("fashion_mnist", data_dir=fashion.parent)
    assert (dataset.name, len(dataset.test.labels)) == ("fashion_mnist", 30)
    other = fashion / "train-labels-idx1-ubyte.gz"
    other.write_bytes(gzip.compress(encoded(LABELS[::-1])))
    with pytest.raises(data.DataError, match=f"{other} .* the SHA-256 .*; expected "):
        data.load("fashion_mnist", data_dir=fashion.parent)
    other.unlink()
    with pytest.raises(data.DataError, match="expected IDX files of train-labels too"):
        data.load("fashion_mnist", data_dir=fashion.parent)


def test_without_its_files_fashion_mnist_says_where_they_come_from(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(preparation, "DEBIAN", tmp_path / "not installed")
    with pytest.raises(data.DataError, match="package dataset-fashion-mnist"):
        data.load("fashion_mnist", data_dir=tmp_path)
