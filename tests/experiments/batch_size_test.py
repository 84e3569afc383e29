"""What is claimed of batch sizes, on findings that were made up."""

import numpy as np
import pytest

from experiments import batch_size
from experiments import batch_size_cost as cost
from experiments import batch_size_escapes as escapes
from experiments import batch_size_noise as noise
from lec7 import train
from lec7.problems import noisy_sine

CONFIG = batch_size.Config(**batch_size.SMALL | {"seeds": (0, 1, 2)})
SEEDS = np.array([1.0, 1.02, 0.97])
GROUPS = np.array([SEEDS, [1.01, 0.98, 1.03], [0.99, 1.03, 1.01]])  # each its spread
SIZES = dict(zip(batch_size.GROUPS, (1, 32, 1024), strict=True))


def training(updates, spread=SEEDS):
    """Three trainings that reach the target after so many updates."""
    steps = np.arange(64)
    losses = np.exp(-steps / 20)[:, None] * SEEDS
    history = {"loss": losses, "train_loss": losses, "train_loss_step": steps}
    final = {"train_loss": SEEDS, "test_accuracy": SEEDS / 2}
    return train.Record(np.int32(updates * spread), history, final)


def findings(*, updates=(100, 50, 40), seconds=(1.0, 2.0, 3.0), power=1.0, out=0.5):
    """Findings in which noise, cost and escapes are as told."""
    trained = {
        name: {rate: training(count, spread) for rate in CONFIG.rates}
        for name, count, spread in zip(SIZES, updates, GROUPS, strict=True)
    }
    formula = np.outer(SEEDS, [2.0, 1.0, 0.0])
    place = noise.Place(
        power * GROUPS[1][:, None] ** 0.2 * formula, formula, SEEDS, SEEDS
    )
    ends = np.outer(SEEDS, [out, 0.1])
    problem = noisy_sine.draw(0, CONFIG.examples)
    repeats = GROUPS.T * seconds
    counts = dict(zip(SIZES, (20, 1, 1), strict=True))
    return batch_size.Findings(
        sizes=SIZES,
        trained=trained,
        counts={name: np.full(3, count) for name, count in counts.items()},
        noise=noise.Noise(np.array([1, 2, 4]), {"at the start": place}),
        escapes=escapes.Descents(np.array([1, 20]), ends, ends, {}, problem),
        timed=cost.Timed(np.array(list(SIZES.values())), repeats, 1024),
    )


def verdicts(**what):
    told = batch_size.analyse(CONFIG, findings(**what))
    return {claim.id: claim.verdict for claim in told.claims}


@pytest.mark.parametrize(
    ("id", "holds", "fails"),
    [
        ("L07", {"updates": (100, 50, 40)}, {"updates": (20, 50, 40)}),
        ("L07.mini_batch", {"updates": (100, 90, 40)}, {"updates": (100, 20, 90)}),
        ("L07.noise", {"power": 1.0}, {"power": 2.0}),
        ("G02.update", {"seconds": (1.0, 2.0, 9.0)}, {"seconds": (1.0, 2.0, 1.0)}),
        ("G02", {"seconds": (1.0, 2.0, 9.0)}, {"seconds": (1.0, 2.0, 1.0)}),
        ("G04.parallel", {"seconds": (1.0, 2.0, 9.0)}, {"seconds": (1e-4, 2.0, 9.0)}),
        ("G03", {"out": 0.5}, {"out": 0.05}),
        ("G04", {"out": 0.3}, {"out": 0.9}),
    ],
)
def test_a_verdict_follows_its_numbers(id, holds, fails):
    assert verdicts(**holds)[id] == "supported"
    assert verdicts(**fails)[id] == "contradicted"


def test_an_epoch_of_single_examples_is_counted_exactly():
    found = findings()
    assert verdicts()["G01"] == "supported"
    wrong = found._replace(
        counts=found.counts | {"one example": np.array([20, 19, 20])}
    )
    decided = {c.id: c for c in batch_size.analyse(CONFIG, wrong).claims}
    assert decided["G01"].verdict == "contradicted"
    assert decided["G01"].kind == "definition"


def test_what_follows_from_sampling_is_an_identity():
    kinds = {c.id: c.kind for c in batch_size.analyse(CONFIG, findings()).claims}
    assert kinds["L07.noise"] == kinds["G05"] == "identity"
    assert kinds["G05.noisier"] == "empirical"


def test_a_best_rate_at_an_end_of_the_list_decides_no_speed():
    told = batch_size.analyse(CONFIG, findings())  # at all rates the same
    speeds = [claim for claim in told.claims if claim.id.startswith("D03")]
    assert [claim.verdict for claim in speeds] == ["untested"] * 3
    assert speeds[0].why == "a best rate, 0.03, is the lowest of its list"


def test_who_has_not_reached_the_target_took_no_known_number_of_updates():
    found = findings()
    record = training(100)
    late = record._replace(final=record.final | {"train_loss": 2 * SEEDS})
    found.trained["one example"].update(dict.fromkeys(CONFIG.rates, late))
    decided = {c.id: c for c in batch_size.analyse(CONFIG, found).claims}
    assert (decided["L07"].effect, decided["L07"].verdict) == (None, "untested")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0.5}, "expected learning_rate, which is 0.5, among them"),
        ({"rates": (0.03, -1.0)}, "rates is .* expected numbers above 0"),
        ({"examples": 16}, "examples is 16; expected at least 17"),
    ],
)
def test_a_configuration_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        batch_size.Config(**batch_size.SMALL | settings)
