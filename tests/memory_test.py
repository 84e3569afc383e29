"""What does not fit is refused before it is allocated."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import landscape, memory, models, problems, runs, train


def of_limit(limit, used):
    stats = {"bytes_limit": limit, "bytes_in_use": used}
    return types.SimpleNamespace(memory_stats=lambda: stats, device_kind="toy")


def test_a_device_has_left_what_is_not_in_use():
    assert memory.available(of_limit(10e9, 4e9)) == 6e9
    memory.require(5.9e9, "Toys", of_limit(10e9, 4e9))
    with pytest.raises(
        memory.TooLargeError, match=r"Toys need at least 6\.1 GB; .*6\.0"
    ):
        memory.require(6.1e9, "Toys", of_limit(10e9, 4e9))


def test_a_processor_has_some_memory_and_no_more_than_the_machine():
    assert 1e8 < memory.available(jax.devices()[0]) < 1e14


@pytest.mark.parametrize(
    ("seeds", "width"), [((0,), 10**10), (tuple(range(10_000)), 10**7)]
)
def test_a_population_that_does_not_fit_is_refused(seeds, width):
    model = models.MLP(num_classes=2, widths=(width,))
    with pytest.raises(memory.TooLargeError, match=f"{len(seeds)} seeds of .* GB") as e:
        train.initial_population(
            lambda key: models.initialise(model, key, (3, 3, 1)), optax.adam(0.1), seeds
        )
    assert runs.exit_code(e.value) == 2


BIG = 10**6


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (
            lambda: landscape.slice_2d(
                lambda params, batch: jnp.sum(params * batch),
                *[jnp.ones(2)] * 3,
                [np.ones((1, 2))],
                alphas=np.arange(BIG),
                betas=np.arange(BIG),
            ),
            "1,000,000 x 1,000,000 points of a plane need at least 56,000.0 GB",
        ),
        (lambda: problems.SADDLE.grid(BIG), "1,000,000 x 1,000,000 points of a grid"),
        (
            lambda: train.from_arrays(
                np.ones((9, 1)), np.ones(9), seeds=(0, 1), batch_size=8
            ).slots(0, 10**9),
            "batches of 1,000,000,000 updates of 2 members in one dispatch",
        ),
    ],
)
def test_what_the_host_cannot_hold_is_refused(ask, told):
    with pytest.raises(memory.TooLargeError, match=told):
        ask()
