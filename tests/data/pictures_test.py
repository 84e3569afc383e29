import chex
import numpy as np
import pytest
from PIL import Image

from lec7 import data, models, train, update_rules

DRAW = np.random.default_rng(0)


def noise(*shape):
    return Image.fromarray(DRAW.integers(0, 256, shape, dtype=np.uint8))


@pytest.fixture
def birds(tmp_path):
    """A folder of three classes of ten colour images, and the bytes by their files."""
    for name in ("owl", "auk", "tit"):
        (tmp_path / name).mkdir()
        for i in range(10):
            noise(6, 5, 3).save(tmp_path / name / f"{i}.png")
    return tmp_path


def by_content(*splits):
    return {
        np.rint(255 * image).astype(np.uint8).tobytes(): label
        for split in splits
        for image, label in zip(split.images, split.labels, strict=True)
    }


def test_folders_are_classes_in_the_order_of_their_names(birds):
    dataset = data.load(str(birds))
    found = by_content(dataset.train, dataset.validation, dataset.test)
    expected = {
        np.asarray(Image.open(path)).tobytes(): label
        for label, name in enumerate(("auk", "owl", "tit"))
        for path in (birds / name).iterdir()
    }
    assert found == expected and len(found) == 30
    assert dataset.train.images.shape[1:] == (6, 5, 3)
    mixed = dataset.train.labels
    assert np.mean(mixed[1:] == mixed[:-1]) < 0.6
    again = data.from_folder(birds).train.labels
    np.testing.assert_array_equal(again, mixed)


def test_splits_are_folders_of_classes(tmp_path):
    for split, count in {"train": 8, "val": 2, "test": 3, "notes": 1}.items():
        for name in ("2", "10"):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(count):
                noise(4, 4).save(tmp_path / split / name / f"{i}.png")
    dataset = data.from_folder(tmp_path)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [len(split.labels) for split in splits] == [16, 4, 6]
    first = Image.open(tmp_path / "test" / "2" / "0.png")
    assert by_content(dataset.test)[np.asarray(first).tobytes()] == 0


def test_what_systems_hide_does_not_count(birds):
    for path in (".DS_Store", "owl/.DS_Store", "owl/Thumbs.db", "auk/._1.png"):
        (birds / path).write_bytes(b"hidden")
    (birds / ".cache").mkdir()
    (birds / "README.md").write_text("about")
    assert data.from_folder(birds).num_classes == 3


def test_a_size_scales_and_cuts_images_of_several(birds):
    noise(9, 12, 3).save(birds / "owl" / "a.jpg")
    with pytest.raises(data.DataError, match="6x5.*9x12.*|9x12.*6x5.*FOLDER:32x32"):
        data.load(str(birds))
    assert data.load(f"{birds}:4x3").train.images.shape[1:] == (4, 3, 3)
    same = data.from_folder(birds, image_size=(6, 5))
    png = np.asarray(Image.open(birds / "auk" / "3.png")).tobytes()
    assert by_content(same.train, same.validation, same.test)[png] == 0


def test_photographs_are_turned_upright(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            exif = Image.Exif()
            exif[0x0112] = 6
            noise(4, 7, 3).save(tmp_path / name / f"{i}.png", exif=exif)
    assert data.from_folder(tmp_path).train.images.shape[1:] == (7, 4, 3)


def empty_class(folder):
    (folder / "emu").mkdir()


def one_class(folder):
    for name in ("owl", "tit"):
        (folder / name).rename(folder / f".{name}")


def nothing(folder):
    for name in ("auk", "owl", "tit"):
        (folder / name).rename(folder / f".{name}")


def no_image(folder):
    (folder / "owl" / "notes.txt").write_text("about")


def a_folder_within(folder):
    (folder / "owl" / "more").mkdir()


def garbled(folder):
    (folder / "owl" / "3.png").write_bytes(b"no image")


def cut_off(folder):
    path = folder / "owl" / "3.png"
    path.write_bytes(path.read_bytes()[:-40])


def grey(folder):
    noise(6, 5).save(folder / "owl" / "3.png")


def transparent(folder):
    noise(6, 5, 4).save(folder / "owl" / "3.png")


def a_class_that_train_lacks(folder):
    inside = [path for path in folder.iterdir()]
    (folder / "train").mkdir()
    for path in inside:
        path.rename(folder / "train" / path.name)
    for name in ("auk", "jay", "owl", "tit"):
        (folder / "test" / name).mkdir(parents=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (empty_class, "emu has no image; expected at least one"),
        (
            one_class,
            r"has the folders \['auk'\]; expected one of images for each class",
        ),
        (nothing, r"has the folders \[\]; expected"),
        (no_image, "owl/notes.txt is no image; expected files .bmp"),
        (a_folder_within, "owl/more is no image"),
        (garbled, "owl/3.png cannot be read as an image .*cannot identify"),
        (cut_off, "owl/3.png cannot be read as an image .*: replace it"),
        (grey, "owl/3.png is grey and .*png is in colour; expected all"),
        (transparent, "owl/3.png has Pillow's mode RGBA; expected grey or colour"),
        (
            a_class_that_train_lacks,
            "test has the class 'jay'; expected .* auk, owl, tit",
        ),
    ],
)
def test_a_wrong_folder_is_one_message_that_names_the_place(birds, change, message):
    change(birds)
    with pytest.raises(data.DataError, match=message) as caught:
        data.load(str(birds))
    assert caught.value.exit_code == 3


def test_an_image_that_takes_too_much_memory_is_refused_unread(birds, monkeypatch):
    monkeypatch.setattr("lec7.data.pictures._read", None)
    with pytest.raises(data.DataError, match="927 MiB each; expected at most"):
        data.load(f"{birds}:9000x9000")


def test_large_images_that_fit_in_memory_are_read(birds, monkeypatch):
    monkeypatch.setattr("lec7.data.disk.READ", 1)
    dataset = data.from_folder(birds)
    assert isinstance(dataset.train.images, np.ndarray)


@pytest.mark.parametrize("read", [2**26, 1, 500])
def test_images_beyond_the_limit_stay_on_the_disk(birds, monkeypatch, read):
    expected = data.from_folder(birds, image_size=(6, 5))
    monkeypatch.setattr("lec7.data.pictures.disk.READ", 2**26)
    found = data.from_folder(birds, image_size=(6, 5), memory_limit=100)
    monkeypatch.setattr("lec7.data.disk.READ", read)
    for name in ("train", "validation", "test"):
        one, other = getattr(expected, name), getattr(found, name)
        np.testing.assert_array_equal(np.asarray(other.images), one.images)
        np.testing.assert_array_equal(other.labels, one.labels)


def test_a_network_learns_from_images_that_stay_on_the_disk(birds, monkeypatch):
    monkeypatch.setattr("lec7.data.disk.READ", 400)
    held, kept = (
        data.standardise(data.from_folder(birds, image_size=(6, 5), memory_limit=limit))
        for limit in (2**30, 100)
    )
    assert isinstance(kept.train.images, data.DiskImages)
    found = [
        train.train(
            models.MLP(num_classes=3, widths=(4,)),
            update_rules.sgd(0.1),
            of,
            steps=5,
            batch_size=4,
        ).variables
        for of in (held, kept)
    ]
    chex.assert_trees_all_equal(*found)
