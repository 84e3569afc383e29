"""The noise floor that a decay lowers, and what is claimed of decays."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import decay
from lec7 import problems, train, update_rules

CURVATURE, RATE, SPREAD = 2.0, 0.1, 3.0
CHAINS, UPDATES = 2048, 400


def bowl(x):
    return CURVATURE * jnp.sum(x**2) / 2


def variances(rule):
    """Variance over the chains after every update of a noisy descent, [T + 1]."""
    chains = problems.Family(bowl, None, np.zeros((CHAINS, 1)))
    noise = problems.draw_noise(range(CHAINS), UPDATES, 1, scale=SPREAD)
    path = problems.descend(rule, chains, UPDATES, noise=noise)
    return np.var(path.points[..., 0], axis=0), path.points[..., 0]


def floor(rate):
    return rate * SPREAD**2 / (CURVATURE * (2 - rate * CURVATURE))


def test_a_tenth_of_the_learning_rate_leaves_a_tenth_of_the_noise():
    half = UPDATES // 2
    rule = update_rules.sgd(optax.piecewise_constant_schedule(RATE, {half: 0.1}))
    variance, _ = variances(rule)
    # The standard error of a variance over 2,048 chains is 3 %, and less over time.
    before, after = variance[half - 50 : half].mean(), variance[-50:].mean()
    assert before == pytest.approx(floor(RATE), rel=0.05)
    assert after == pytest.approx(floor(RATE / 10), rel=0.1)
    assert before / after == pytest.approx(floor(RATE) / floor(RATE / 10), rel=0.1)
    assert floor(RATE) / floor(RATE / 10) == pytest.approx(11)


def test_momentum_sustains_the_variance_of_its_closed_form():
    decay = 0.9
    variance, _ = variances(update_rules.momentum(RATE, decay=decay))
    product = RATE * CURVATURE
    expected = RATE * (1 + decay) * SPREAD**2
    expected /= CURVATURE * (1 - decay) * (2 * (1 + decay) - product)
    assert expected / SPREAD**2 == pytest.approx(0.263889, rel=1e-5)
    assert variance[-100:].mean() == pytest.approx(expected, rel=0.05)


def test_the_mean_of_the_iterates_forgets_the_learning_rate():
    for rate in (RATE, 2 * RATE):
        _, points = variances(update_rules.sgd(rate))
        variance = np.var(points[:, 1:].mean(axis=1))
        expected = SPREAD**2 / (CURVATURE**2 * UPDATES)
        assert variance == pytest.approx(expected, rel=0.1)


CONFIG = decay.Config(**decay.SMALL | {"seeds": (0, 1, 2)})
ENDS = np.array([0.20, 0.21, 0.19])


def record(ends):
    """A training whose loss falls geometrically from 2 to `ends` [M]."""
    steps = np.arange(CONFIG.updates)
    losses = 2 * (ends / 2) ** (steps[:, None] / steps[-1])
    history = {"loss": losses, "train_loss": losses, "train_loss_step": steps}
    final = {"train_loss": ends, "test_loss": ends, "test_accuracy": 0 * ends}
    return train.Record(np.full(len(ends), CONFIG.updates), history, final)


def verdicts(gains):
    """Id -> verdict, where decay divides the loss by about a factor of each rule."""
    spread = {name: 1 + 0.01 * n * ENDS for n, name in enumerate(decay.SCHEDULES)}
    trained = {
        rule: {
            schedule: {
                rate: record(
                    ENDS
                    * spread[schedule]
                    * (1 + abs(place - 2))  # the middle rate is best
                    / (1 if schedule == "none" else gain ** (1 + ENDS))
                )
                for place, rate in enumerate(decay.RULES[rule][1])
            }
            for schedule in decay.SCHEDULES
        }
        for rule, gain in gains.items()
    }
    found = decay.Findings({"digits": decay.Trained(trained)}, {})
    return {c.id: c.verdict for c in decay.analyse(CONFIG, found).claims}


def test_decay_pays_with_those_rules_whose_loss_it_lowers():
    decided = verdicts({"SGD": 3.0, "momentum": 2.0, "Adam": 1.5})
    assert decided["L36.digits"] == decided["L36.digits.cosine"] == "supported"
    assert decided["L38.digits.SGD"] == decided["L38.digits.momentum"] == "supported"
    assert decided["L39.digits"] == "untested"  # one rate is best for both
    decided = verdicts({"SGD": 3.0, "momentum": 0.5, "Adam": 1.5})
    assert decided["L36.digits"] == decided["L36.digits.cosine"] == "contradicted"
    assert decided["L38.digits.SGD"] == "supported"
    assert decided["L38.digits.momentum"] == "contradicted"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": ("glyphs/a", "glyphs/b")}, "expected one or more with different"),
        ({"updates": 47}, "updates is 47; expected at least 24 times evaluate_every"),
        ({"width": 0}, "width is 0; expected at least 1"),
    ],
)
def test_a_configuration_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        decay.Config(**decay.SMALL | settings)
