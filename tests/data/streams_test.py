import io

import numpy as np
import pytest
from PIL import Image

from lec7 import data


def batches_of(dataset, step, seed=3, batch_size=100):
    rows = data.batch_indices(
        seed, step, 1, batch_size=batch_size, num_examples=len(dataset.train.labels)
    )[0]
    return dataset.train.images[rows], dataset.train.labels[rows]


@pytest.mark.parametrize("step", [0, 5, 10, 11, 1000])
def test_the_stream_holds_the_batches_of_the_arrays(folder, step):
    batches = data.stream("digits", "train", batch_size=100, seed=3, data_dir=folder)
    images, labels = batches_of(data.load("digits", data_dir=folder), step)
    np.testing.assert_array_equal(batches[step].images, images)
    np.testing.assert_array_equal(batches[step].labels, labels)
    assert batches[step].images.dtype == np.float32
    assert batches[step].labels.dtype == np.int32


def test_reading_ahead_from_a_step_changes_nothing(folder):
    import grain

    batches = data.stream("digits", "train", batch_size=100, seed=3, data_dir=folder)
    options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=2)
    ahead = iter(batches[7:].to_iter_dataset(options))
    for step in range(7, 13):
        found, expected = next(ahead), batches[step]
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize("step", [0, 7])
def test_hosts_read_their_rows_of_the_batches_alone(folder, step):
    given = {"batch_size": 12, "seed": 3, "data_dir": folder}
    whole = data.stream("digits", "train", **given)[step]
    parts = [data.stream("digits", "train", host=(h, 3), **given) for h in range(3)]
    for name in ("images", "labels"):
        found = [getattr(part[step], name) for part in parts]
        assert [len(rows) for rows in found] == [4, 4, 4]
        np.testing.assert_array_equal(np.concatenate(found), getattr(whole, name))


@pytest.mark.parametrize(
    ("host", "batch_size", "seed", "told"),
    [
        ((2, 2), 12, 0, "host is"),
        ((0, 5), 12, 0, "batch_size is 12.*5 hosts"),
        ((0, 2), 12, None, "and a seed"),
    ],
)
def test_hosts_that_cannot_share_a_batch_are_refused(
    folder, host, batch_size, seed, told
):
    given = {"batch_size": batch_size, "seed": seed, "host": host}
    with pytest.raises(ValueError, match=told):
        data.stream("digits", "train", data_dir=folder, **given)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_without_a_seed_a_split_is_read_once_in_order(folder, split):
    batches = data.stream("digits", split, batch_size=100, seed=None, data_dir=folder)
    images, labels = zip(*(batches[i] for i in range(len(batches))), strict=True)
    expected = getattr(data.load("digits", data_dir=folder), split)
    np.testing.assert_array_equal(np.concatenate(images), expected.images)
    np.testing.assert_array_equal(np.concatenate(labels), expected.labels)


@pytest.fixture
def imagenet(prepare_stock):
    """JPEG files of many sizes: red left, blue right; the test labels are hidden."""

    def examples(split, count):
        draw = np.random.default_rng(0)
        for i in range(count):
            height, width = draw.integers(20, 60, 2)
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[:, : width // 2, 0] = 255
            pixels[:, width // 2 :, 2] = 255
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=0)
            label = -1 if split == "test" else i
            yield i, {"image": file.getvalue(), "label": label, "file_name": f"{i}.jpg"}

    sizes = {"train": 12, "validation": 5, "test": 5}
    splits = {split: examples(split, count) for split, count in sizes.items()}
    return prepare_stock("imagenet2012", splits)


@pytest.mark.filterwarnings("ignore:.*has no labels in test")
def test_images_of_many_sizes_are_scaled_and_cut_to_one(imagenet):
    batches = data.stream(
        "imagenet2012",
        "train",
        batch_size=12,
        seed=0,
        image_size=(24, 32),
        data_dir=imagenet,
    )
    batch = batches[0]
    assert batch.images.shape == (12, 24, 32, 3)
    assert len(np.unique(batch.labels)) == 11  # one is held out, and the test is hidden
    left, right = batch.images[:, :, :12], batch.images[:, :, 20:]
    np.testing.assert_allclose(left, np.broadcast_to([1, 0, 0], left.shape), atol=0.1)
    np.testing.assert_allclose(right, np.broadcast_to([0, 0, 1], right.shape), atol=0.1)


def test_hidden_labels_are_a_missing_split(imagenet):
    given = {"batch_size": 12, "seed": None, "image_size": (8, 8), "data_dir": imagenet}
    with pytest.warns(UserWarning, match="has no labels in test"):
        batches = data.stream("imagenet2012", "test", **given)
    np.testing.assert_array_equal(np.sort(batches[0].labels), np.arange(5))
    for wrong in (8, (8,), (8, 8, 3)):
        with pytest.raises(ValueError, match=r"image_size is .*; expected a pair"):
            data.stream("digits", "test", **given | {"image_size": wrong})


@pytest.mark.filterwarnings("ignore:.*has no labels in test")
def test_images_of_many_sizes_are_no_array(imagenet):
    with pytest.raises(data.DataError, match="have different sizes.*lec7.data.stream"):
        data.load("imagenet2012", data_dir=imagenet)
    with pytest.raises(ValueError, match=r"image_size is None; expected \(H, W\)"):
        data.stream("imagenet2012", "train", batch_size=2, seed=0, data_dir=imagenet)


def test_grey_images_are_scaled_too(folder):
    batches = data.stream(
        "digits", "test", batch_size=4, seed=0, image_size=(4, 6), data_dir=folder
    )
    assert batches[0].images.shape == (4, 4, 6, 1)


def test_an_unknown_split_is_refused(folder):
    with pytest.raises(ValueError, match="split is 'dev'; expected one of"):
        data.stream("digits", "dev", batch_size=1, seed=0, data_dir=folder)


@pytest.fixture
def mnist(prepare_stock, png):
    """A folder with 200 images, each of one grey, and no validation split."""

    def examples(count):
        for i in range(count):
            yield i, {"image": png(np.full((28, 28, 1), i, np.uint8)), "label": i % 10}

    return prepare_stock("mnist", {"train": examples(200), "test": examples(20)})


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_split_that_is_held_out_holds_the_examples_of_the_arrays(mnist, split):
    batches = data.stream("mnist", split, batch_size=200, seed=None, data_dir=mnist)
    expected = getattr(data.load("mnist", data_dir=mnist), split)
    np.testing.assert_array_equal(batches[0].images, expected.images)


def test_damage_is_found_when_it_is_read(mnist):
    batches = data.stream("mnist", "train", batch_size=50, seed=0, data_dir=mnist)
    file = next(mnist.glob("mnist/*/mnist-train.array_record*"))
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    with pytest.raises(data.DataError, match="delete that folder and run again"):
        for step in range(4):
            batches[step]


def test_the_stream_of_signals_is_that_of_the_arrays_and_has_no_size(folder):
    dataset = data.load("mnist1d", data_dir=folder)
    given = {"batch_size": 32, "seed": 3, "data_dir": folder}
    batch = data.stream("mnist1d", "train", **given)[5]
    images, labels = batches_of(dataset, 5, batch_size=32)
    np.testing.assert_array_equal(batch.images, images)
    np.testing.assert_array_equal(batch.labels, labels)
    with pytest.raises(ValueError, match="expected None: these are no images"):
        data.stream("mnist1d", "train", image_size=(8, 8), **given)
