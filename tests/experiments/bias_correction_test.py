import numpy as np
import pytest

from experiments import bias_correction
from lec7 import train


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"seeds": (-1, 0)}, "each >= 0"),
        ({"default_rate": 0.5}, "expected one of rates"),
        ({"max_steps": 9}, "max_steps is 9; expected at least 10"),
        ({"surface_rate": 0.0}, "expected more than 0"),
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        bias_correction.Config(**setting)


def found(almost, adam):
    """Findings whose trainings end so by the rate, and whose first steps are exact."""
    seeds = np.array([1.0, 1.02, 0.97])

    def training(place, loss):
        losses = loss * np.roll(seeds, place)
        history = {"train_loss": np.tile(losses, (2, 1))}
        history["train_loss_step"] = np.array([9, 19])
        final = {"train_loss": losses, "test_accuracy": seeds / 2}
        return train.Record(np.full(3, 20), history, final)

    every = zip(bias_correction.RULES, (almost, adam, adam), strict=True)
    trained = {
        name: {
            rate: training(place, loss)
            for rate, loss in zip(RATES, losses, strict=True)
        }
        for place, (name, losses) in enumerate(every)
    }
    steps = {
        name: dict.fromkeys(("largest", "rms"), np.outer(seeds**0.01, [size] * 20))
        for name, size in ((bias_correction.ALMOST, 3.16), (bias_correction.ADAM, 1.0))
    }
    return bias_correction.Findings(3.16 * seeds**0.001, {}, steps, trained)


RATES = (1e-3, 1e-2, 1e-1)
CONFIG = bias_correction.Config(
    **bias_correction.SMALL | {"seeds": (0, 1, 2), "rates": RATES}
)


def claims(**losses):
    given = {"almost": (1.0, 0.5, 4.0), "adam": (2.0, 1.0, 1.5)} | losses
    told = bias_correction.analyse(CONFIG, found(**given))
    return told.summary, {claim.id: claim for claim in told.claims}


def test_the_headline_has_the_verdicts_on_who_ends_higher():
    summary, decided = claims()
    verdicts = {id: c.verdict for id, c in decided.items() if "wrecks" in id}
    assert list(verdicts.values()) == ["contradicted", "contradicted", "supported"]
    answer = summary.partition("\n\n")[0]
    assert "higher than Adam's (2.67 times); with each rule at its best rate" in answer
    assert answer.endswith("it is lower than Adam's (0.500 times).")


def test_a_best_rate_at_an_end_of_the_list_decides_nothing():
    _, decided = claims(almost=(0.1, 0.5, 4.0))
    assert decided["L29.wrecks_best"].verdict == "untested"
    assert decided["L29.wrecks_highest"].verdict == "supported"


def test_what_holds_for_any_gradients_is_an_identity():
    _, decided = claims()
    kinds = {decided[id].kind for id in ("L29", "L29.geometry", "L31")}
    assert kinds == {"identity"}
    assert decided["L31.highest"].kind == "empirical"
