import numpy as np
import pytest

from lec7.data import batches

SIZES = [(1, 1), (3, 7), (7, 7), (10, 7), (50, 7), (128, 1024)]


def indices(seed, step, count, batch_size, num_examples):
    return batches.batch_indices(
        seed, step, count, batch_size=batch_size, num_examples=num_examples
    )


@pytest.mark.parametrize(("batch_size", "num_examples"), SIZES)
def test_every_epoch_holds_every_example_once(batch_size, num_examples):
    epochs = 5
    steps = -(-epochs * num_examples // batch_size)
    stream = indices(3, 0, steps, batch_size, num_examples).ravel()
    for epoch in stream[: epochs * num_examples].reshape(epochs, num_examples):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(num_examples))


@pytest.mark.parametrize(("batch_size", "num_examples"), SIZES)
@pytest.mark.parametrize("start", [0, 1, 6, 100])
def test_any_step_is_found_without_the_steps_before_it(batch_size, num_examples, start):
    whole = indices(0, 0, start + 4, batch_size, num_examples)
    part = indices(0, start, 4, batch_size, num_examples)
    np.testing.assert_array_equal(part, whole[start:])
    assert part.dtype == np.int32
    assert part.shape == (4, batch_size)


def test_the_stream_does_not_depend_on_the_batch_size():
    small, large = indices(5, 0, 40, 3, 17), indices(5, 0, 10, 12, 17)
    np.testing.assert_array_equal(small.ravel(), large.ravel())


def test_seeds_and_epochs_have_orders_of_their_own():
    orders = {
        tuple(indices(seed, epoch, 1, 20, 20)[0])
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


def test_each_example_is_first_equally_often():
    first = [indices(seed, 0, 1, 1, 4).item() for seed in range(4000)]
    counts = np.bincount(first, minlength=4)
    sigma = np.sqrt(4000 * 0.25 * 0.75)
    assert np.abs(counts - 1000).max() < 4 * sigma


def test_a_caller_cannot_disturb_later_calls():
    before = indices(1, 0, 1, 8, 8)
    expected = before.copy()
    before[:] = 0
    np.testing.assert_array_equal(indices(1, 0, 1, 8, 8), expected)


@pytest.mark.parametrize(
    ("argument", "value", "least"),
    [
        ("seed", -1, 0),
        ("step", -1, 0),
        ("count", 0, 1),
        ("batch_size", 0, 1),
        ("num_examples", 0, 1),
    ],
)
def test_arguments_below_their_range_are_refused(argument, value, least):
    good = {"seed": 0, "step": 0, "count": 1, "batch_size": 1, "num_examples": 1}
    with pytest.raises(ValueError, match=f"{argument} is {value}; expected .*{least}"):
        batches.batch_indices(**good | {argument: value})
