"""The range test finds the edge of stability, and leaves no trace."""

import functools

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import losses, models, train, update_rules
from lec7.train import feed, rate_range
from lec7.train import state as states
from lec7.train import step as steps

SHAPE = (3, 3, 1)
SEEDS = (0, 1)
CURVATURE = 5.0


class Bowl(nn.Module):
    """One parameter w, and the logit w whatever the image."""

    @nn.compact
    def __call__(self, x, *, train):
        del train
        w = self.param("w", nn.initializers.constant(0.5), ())
        return jnp.full((len(x), 1), w)


def bowl_loss(logits, labels):
    """.5 CURVATURE w^2 for each example."""
    return 0.5 * CURVATURE * jnp.squeeze(logits, 1) ** 2 + 0 * labels


def examples():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(24, *SHAPE)).astype(np.float32)
    return images, (images.sum((1, 2, 3)) > 0).astype(np.int32)


def make_setting(model, make_rule, loss, **options):
    def initialise(key):
        return model.init(key, np.zeros((1, *SHAPE), np.float32), train=False)

    state = states.initial_population(initialise, make_rule(0.1), SEEDS)
    batches = feed.from_arrays(*examples(), seeds=SEEDS, batch_size=8)
    find = functools.partial(
        train.learning_rate_range,
        model=model,
        make_rule=make_rule,
        loss=loss,
        batches=batches,
        devices=jax.devices()[:1],
        **options,
    )
    return state, batches, find


def bowl(**options):
    options = {"lowest": 1e-3, "highest": 10.0, "num_steps": 60} | options
    return make_setting(Bowl(), update_rules.sgd, bowl_loss, **options)


def network(make_rule=update_rules.momentum, **options):
    model = models.MLP(
        num_classes=2, widths=(6,), batch_norm=True, axis_name=steps.DEVICE_AXIS
    )
    return make_setting(model, make_rule, losses.cross_entropy, num_steps=20, **options)


def test_the_rates_grow_by_one_factor_from_the_lowest_to_the_highest():
    state, _, find = bowl()
    rates = find(state).rates
    assert rates[0] == 1e-3 and rates[-1] == 10 and len(rates) == 60
    np.testing.assert_allclose(rates[1:] / rates[:-1], 1e4 ** (1 / 59))


def test_the_losses_are_those_of_descent_at_the_growing_rates():
    state, _, find = bowl()
    found = find(state)
    factors = np.cumprod(1 - CURVATURE * found.rates[:-1])
    w = 0.5 * np.concatenate([[1], factors])
    expected = 0.5 * CURVATURE * w**2
    for member in range(2):
        np.testing.assert_allclose(found.losses[:, member], expected, rtol=1e-3)


def test_without_smoothing_a_tenth_of_the_edge_of_stability_is_suggested():
    state, _, find = bowl(smoothing=0.0)
    found = find(state)
    # The loss falls as long as |1 - a c| < 1; that of an update is seen one step later.
    stable = found.rates[found.rates < 2 / CURVATURE]
    first_unstable = found.rates[len(stable)]
    np.testing.assert_allclose(found.suggested, first_unstable / rate_range.MARGIN)


def test_with_smoothing_the_suggestion_is_stable_and_within_reach():
    state, _, find = bowl()
    suggested = find(state).suggested
    assert (suggested > 0.05 / CURVATURE).all() and (suggested < 1 / CURVATURE).all()


def test_a_smoothed_line_is_that_line_away_from_its_ends():
    line = np.linspace(3.0, 1.0, 101)
    smoothed = rate_range._smooth(line, 0.8)
    np.testing.assert_allclose(smoothed[40:61], line[40:61], atol=1e-4)
    np.testing.assert_array_equal(rate_range._smooth(line, 0.0), line)


@pytest.mark.parametrize("peak", (np.nan, np.inf, 9.0))
def test_what_follows_divergence_is_left_out_even_where_it_is_low(peak):
    curve = np.array([2.0, 1.0, 1.5, peak, 0.0, 0.0])
    smoothed = rate_range._smooth(curve, 0.0)
    np.testing.assert_array_equal(smoothed, [2, 1, 1.5, np.nan, np.nan, np.nan])


def bits(tree):
    def leaf_bits(leaf):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        return np.array(leaf).tobytes()

    return [leaf_bits(leaf) for leaf in jax.tree.leaves(tree)]


def averaged_adam(learning_rate):
    return optax.chain(
        update_rules.adam(learning_rate), update_rules.polyak_average(0.9)
    )


def some_updates(setting, make_rule, state, first):
    """Three updates of the run itself, from `state`, which is not consumed."""
    step = train.make_step(
        setting.keywords["model"],
        make_rule(0.1),
        losses.cross_entropy,
        axis_name=steps.DEVICE_AXIS,
    )
    batches, devices = setting.keywords["batches"], setting.keywords["devices"]
    advance = train.make_advance(step, batches.fetch, devices)
    slots = feed.divide(batches.slots(first, 3), len(devices))
    copy = steps.place(jax.tree.map(jnp.copy, state), devices)
    return advance(copy, batches.data, slots, np.ones(len(SEEDS), bool))


def test_a_run_goes_on_as_if_the_test_had_not_been_made():
    state, batches, find = network(averaged_adam, highest=1e3)
    middle, _ = some_updates(find, averaged_adam, state, first=0)
    expected, metrics = some_updates(find, averaged_adam, middle, first=3)
    before = bits((middle, batches.data, batches.slots(0, 10)))
    found = find(middle)
    assert bits((middle, batches.data, batches.slots(0, 10))) == before
    actual, _ = some_updates(find, averaged_adam, middle, first=3)
    assert bits(actual) == bits(expected)
    # It began where the run was, with the batch that is next.
    np.testing.assert_allclose(found.losses[0], metrics["loss"][0], rtol=1e-6)


def test_the_number_of_devices_does_not_change_what_is_found():
    state, _, find = network()
    one, four = find(state), find(state, devices=jax.devices()[:4])
    chex.assert_trees_all_close(one._asdict(), four._asdict(), rtol=1e-3)


def test_members_are_tested_each_on_their_own():
    state, batches, find = network()
    both = find(state)
    second = jax.tree.map(lambda leaf: leaf[1:], state)
    alone = find(
        second, batches=feed.from_arrays(*examples(), seeds=SEEDS[1:], batch_size=8)
    )
    np.testing.assert_allclose(both.losses[:, 1:], alone.losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 0.0}, "lowest and highest are 0.0 and 10.0; expected"),
        ({"lowest": 20.0}, "lowest and highest are 20.0 and 10.0; expected"),
        ({"highest": np.inf}, "lowest and highest are 0.001 and inf; expected"),
        ({"num_steps": 1}, "num_steps is 1; expected an integer >= 2"),
        ({"smoothing": 1.0}, "smoothing is 1.0; expected a number in"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    state, _, find = bowl(**options)
    with pytest.raises(ValueError, match=message):
        find(state)


def test_a_state_that_has_diverged_is_refused():
    state, _, find = bowl()
    lost = state.replace(params=jax.tree.map(lambda w: w * jnp.nan, state.params))
    with pytest.raises(ValueError, match="before the first update; expected finite"):
        find(lost)
