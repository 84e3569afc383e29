import numpy as np
import pytest

from lec7 import data

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (40, 5, 6, 3), dtype=np.uint8)
LABELS = np.arange(40) % 4


def test_bytes_become_numbers_from_0_to_1_and_what_is_given_is_kept():
    dataset = data.from_arrays((IMAGES, LABELS), (IMAGES[:8], LABELS[:8]), name="mine")
    assert (dataset.name, dataset.num_classes) == ("mine", 4)
    expected = np.float32(IMAGES[:8]) / 255
    np.testing.assert_array_equal(dataset.test.images, expected)
    assert [len(s.labels) for s in (dataset.train, dataset.validation)] == [36, 4]
    assert dataset.train.labels.dtype == np.int32


def test_what_is_missing_is_held_out_and_no_example_is_lost():
    inputs = np.arange(40, dtype=np.float64)[:, None]
    dataset = data.from_arrays((inputs, LABELS))
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [len(split.labels) for split in splits] == [33, 3, 4]
    rows = np.concatenate([split.images[:, 0] for split in splits]).astype(int)
    np.testing.assert_array_equal(np.sort(rows), np.arange(40))
    labels = np.concatenate([split.labels for split in splits])
    np.testing.assert_array_equal(labels, rows % 4)


@pytest.mark.parametrize(
    ("inputs", "shape"),
    [
        (IMAGES[..., 0], (5, 6, 1)),
        (np.float32(IMAGES[..., 0]), (5, 6)),
        (np.float16(IMAGES[:, 0, 0]), (3,)),
        (IMAGES[:, 0, 0], (3,)),
    ],
)
def test_bytes_without_channel_are_grey_images_and_numbers_are_as_they_are(
    inputs, shape
):
    dataset = data.from_arrays((inputs, LABELS[:, None]))
    assert dataset.train.images.shape[1:] == shape
    assert dataset.train.images.dtype == np.float32
    if inputs.dtype != np.uint8:
        assert dataset.train.images.max() > 2


def test_a_test_split_without_labels_is_missing_and_said():
    with pytest.warns(UserWarning, match=r"mine has no labels in test \(-1\)"):
        dataset = data.from_arrays(
            (IMAGES, LABELS), test=(IMAGES, np.full(40, -1)), name="mine"
        )
    assert [len(s.labels) for s in (dataset.train, dataset.test)] == [33, 4]


def test_classes_that_do_not_occur_are_given_by_their_number():
    dataset = data.from_arrays((IMAGES, LABELS + 1), num_classes=6)
    assert (dataset.num_classes, dataset.train.labels.min()) == (6, 1)


def test_examples_in_the_order_of_their_classes_are_mixed_and_others_are_not():
    inputs = np.arange(40, dtype=np.float32)[:, None]
    mine = (inputs, LABELS)
    np.testing.assert_array_equal(data.from_arrays(mine, mine, mine).train[0], inputs)
    mine = (inputs, np.sort(LABELS))
    train, again = (data.from_arrays(mine, mine, mine).train for _ in range(2))
    np.testing.assert_array_equal(np.sort(train.images[:, 0]), inputs[:, 0])
    np.testing.assert_array_equal(train.labels, np.int32(train.images[:, 0]) // 10)
    np.testing.assert_array_equal(train.images, again.images)
    assert {*train.labels[:16].tolist()} == {0, 1, 2, 3}


WITH_NAN = np.where(np.arange(40) == 3, np.nan, 1.0)[:, None]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ((IMAGES, LABELS[1:]), "has 40 images and 39 labels; expected a label"),
        (
            (IMAGES.astype(int), LABELS),
            "images are int64 .*; expected bytes, uint8, or",
        ),
        ((IMAGES[:, 0, 0, 0], LABELS), r"uint8 \[40\]; expected .*\[N, ..., C\]"),
        ((np.array([IMAGES, None], object), LABELS[:2]), r"images are object \[2\]"),
        ((IMAGES[:, :0], LABELS), r"images are uint8 \[40, 0, 6, 3\]; expected bytes"),
        ((WITH_NAN, LABELS), r"train images\[3, 0\] is nan; expected a finite"),
        ((IMAGES, LABELS / 1), r"labels are float64 \[40\]; expected integers"),
        ((IMAGES, np.eye(4)[LABELS]), r"labels are float64 \[40, 4\]; expected int"),
        ((IMAGES, LABELS + 1), "have the class 1 and not 0; .* np.unique"),
        ((IMAGES, LABELS * 2), "have the class 2 and not 1"),
        ((IMAGES, LABELS - 1), "have the class -1 and not 0"),
        ((IMAGES, LABELS * 0), "labels are all 0; expected at least two classes"),
        ((IMAGES[:0], LABELS[:0]), r"has the splits \[\]; expected 'train'"),
        ((IMAGES[:2], LABELS[:2]), "has 2 examples; expected more than 2"),
        (([[1.0], [1.0, 2.0]], [0, 1]), "is no pair of arrays"),
        (IMAGES, "is no pair of arrays"),
    ],
)
def test_wrong_arrays_are_one_message(train, message):
    with pytest.raises(data.DataError, match=f"(?s)mine.*{message}") as caught:
        data.from_arrays(train, name="mine")
    assert caught.value.exit_code == 3


def test_a_test_label_that_train_does_not_have_is_named():
    with pytest.raises(data.DataError, match=r"test labels\[2\] is 9; .* from 0 to 3"):
        data.from_arrays((IMAGES, LABELS), test=(IMAGES[:3], np.array([0, 1, 9])))


def test_splits_of_other_shapes_are_named():
    with pytest.raises(data.DataError, match=r"test images have shape \[5, 6, 1\]"):
        data.from_arrays((IMAGES, LABELS), test=(IMAGES[..., :1], LABELS))


def test_the_limit_of_memory_is_that_of_float32():
    data.from_arrays((IMAGES, LABELS), memory_limit=4 * IMAGES.size)
    with pytest.raises(data.DataError, match="take 0.00 GiB as float32; expected at"):
        data.from_arrays((IMAGES, LABELS), memory_limit=4 * IMAGES.size - 1)
