import numpy as np
import pytest

from lec7 import data

LABELS = np.array([0, 2, 1, 0])
IMAGES = np.zeros((4, 2, 3, 1), np.float32)
SPLIT = data.Split(IMAGES, LABELS)


def with_value(array, index, value):
    changed = array.copy()
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (with_value(LABELS, 2, -1), "y[2] is -1; expected a class from 0 to 2"),
        (with_value(LABELS, 1, 3), "y[1] is 3; expected a class from 0 to 2"),
        (LABELS.astype(np.float32), "y are float32; expected integers"),
        (
            LABELS[:, None],
            "y have shape [4, 1]; expected [N], a class an example",
        ),
    ],
)
def test_wrong_labels_are_named(labels, message):
    with pytest.raises(data.DataError) as caught:
        data.check_labels(labels, 3, name="y")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            with_value(IMAGES, (2, 1, 0, 0), np.nan),
            "x[2, 1, 0, 0] is nan; expected a finite number",
        ),
        (
            with_value(IMAGES, (1, 0, 2, 0), np.inf),
            "x[1, 0, 2, 0] is inf; expected a finite number",
        ),
        (
            IMAGES.astype(np.uint8),
            "x are uint8; expected float32, bytes being divided by 255",
        ),
        (
            IMAGES[:, 0, 0, 0],
            "x have shape [4]; expected [N, ..., C], such as [N, H, W, C] of images",
        ),
    ],
)
def test_wrong_images_are_named(images, message):
    with pytest.raises(data.DataError) as caught:
        data.check_images(images, name="x")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (
            data.Split(IMAGES[1:], LABELS),
            "s has 3 images and 4 labels; expected a label for each image",
        ),
        (
            data.Split(IMAGES[:0], LABELS[:0]),
            "s is empty; expected at least one example",
        ),
        (
            data.Split(IMAGES, with_value(LABELS, 0, 9)),
            "s labels[0] is 9; expected a class from 0 to 2",
        ),
        (
            data.Split(with_value(IMAGES, (0, 0, 0, 0), np.nan), LABELS),
            "s images[0, 0, 0, 0] is nan; expected a finite number",
        ),
    ],
)
def test_a_wrong_split_is_named(split, message):
    with pytest.raises(data.DataError) as caught:
        data.check_split(split, 3, name="s")
    assert str(caught.value) == message


def test_splits_have_images_of_one_shape():
    turned = data.Split(IMAGES.swapaxes(1, 2), LABELS)
    with pytest.raises(data.DataError) as caught:
        data.check_dataset(data.Dataset("d", 3, SPLIT, SPLIT, turned))
    assert str(caught.value) == (
        "d test images have shape [3, 2, 1]; expected [2, 3, 1] as in train"
    )


def test_good_data_pass():
    data.check_dataset(data.Dataset("d", 3, SPLIT, SPLIT, SPLIT))
