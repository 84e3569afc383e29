import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import landscape, report

SCALES = jnp.arange(1.0, 7.0).reshape(3, 2)
PARAMS = {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
BATCHES = [jnp.ones(2), jnp.ones(1)]


def loss_fn(params, batch):
    return jnp.mean(batch) * jnp.sum(SCALES * params["kernel"] ** 2)


def test_the_landscape_has_the_loss_at_the_parameters_in_its_middle():
    plot = report.plot_landscape(loss_fn, PARAMS, BATCHES, points=5, radius=0.5)
    assert plot.numbers["x"].tolist() == [-0.5, -0.25, 0, 0.25, 0.5]
    assert plot.numbers["loss"][2, 2] == pytest.approx(21)
    assert plot.figure.axes[1].get_ylabel() == "loss (nats)"


def test_directions_of_ones_own_are_taken_as_they_are():
    along = {"kernel": jnp.zeros((3, 2)).at[0, 0].set(1.0), "bias": jnp.zeros(2)}
    across = {"kernel": jnp.zeros((3, 2)).at[2, 1].set(1.0), "bias": jnp.zeros(2)}
    plot = report.plot_landscape(
        loss_fn, PARAMS, BATCHES, points=3, directions=(along, across), kind="relief"
    )
    x, y = np.meshgrid(plot.numbers["x"], plot.numbers["y"], indexing="ij")
    expected = 21 - 1 - 6 + (1 + x) ** 2 + 6 * (1 + y) ** 2
    np.testing.assert_allclose(plot.numbers["loss"], expected, rtol=1e-6)


def test_slices_go_along_directions_of_the_norm_and_key_that_were_asked_for():
    key = jax.random.key(7)
    plot = report.plot_slices(
        loss_fn, PARAMS, BATCHES, key=key, slices=2, points=3, norm="layer"
    )
    for number, each in enumerate(jax.random.split(key, 2)):
        direction = landscape.random_direction(each, PARAMS, norm="layer")
        losses = landscape.slice_1d(
            loss_fn, PARAMS, direction, BATCHES, alphas=[-1, 0, 1]
        )
        np.testing.assert_array_equal(plot.numbers["loss"][number], losses)
    assert len(plot.figure.axes[0].lines) == 2


@pytest.mark.parametrize("draw", [report.plot_landscape, report.plot_slices])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"points": 1}, "points is 1; expected an integer >= 2"),
        ({"radius": 0}, "radius is 0; expected a number > 0"),
        ({"norm": "fliter"}, "norm is 'fliter'; expected one of filter, layer, none"),
        ({"params": jnp.ones(2)}, "all random directions are zero"),
        ({"batches": (jnp.ones((2, 2)), jnp.ones(2))}, r"a list, \[\(x, y\)\]"),
    ],
)
def test_what_cannot_be_drawn_is_one_message(draw, wrong, message):
    given = {"params": PARAMS, "batches": BATCHES, "points": 3} | wrong
    with pytest.raises(ValueError, match=message):
        draw(loss_fn, **given)


def test_a_kind_of_landscape_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="kind is '3d'; expected one of contours, re"):
        report.plot_landscape(loss_fn, PARAMS, BATCHES, kind="3d")
