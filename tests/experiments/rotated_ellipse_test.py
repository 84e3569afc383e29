import numpy as np
import pytest

from experiments import rotated_ellipse
from lec7 import report


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"seeds": (1, 1)}, "seeds is"),
        ({"angle": 90.0}, "between 0 and 90 degrees"),
        ({"high": 5.0}, "expected low < high"),
        ({"fraction": 1.0}, "fraction is 1.0"),
        ({"steps": 1}, "steps is 1; expected at least 2"),
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        rotated_ellipse.Config(**setting)


def cost_verdicts(factor):
    """Verdicts where turning multiplies updates of per-coordinate rules by a factor."""
    generator = np.random.default_rng(0)

    def spread(value):
        return value * generator.uniform(0.98, 1.02, 8)

    aligned = {name: spread(10) for name in rotated_ellipse.RULES}
    turned = {
        name: spread(factor * 10 if name in rotated_ellipse.PER_COORDINATE else 10)
        for name in rotated_ellipse.RULES
    }
    steps = {rotated_ellipse.ALIGNED: aligned, rotated_ellipse.TURNED: turned}
    return {claim.verdict for claim in rotated_ellipse._cost_claims(steps)}


def test_what_turning_costs_decides_the_verdicts():
    assert cost_verdicts(5) == {"supported"}
    assert cost_verdicts(0.2) == {"contradicted"}


@pytest.mark.parametrize(("factor", "words"), [(5, "more"), (0.2, "fewer")])
def test_the_headline_says_what_the_verdicts_say(factor, words):
    spread = 30 * np.geomspace(1, 1.2, 8)
    aligned = dict.fromkeys(rotated_ellipse.RULES, spread)
    turned = {k: of * factor * np.linspace(1, 1.1, 8) for k, of in aligned.items()}
    steps = {rotated_ellipse.ALIGNED: aligned, rotated_ellipse.TURNED: turned}
    text = rotated_ellipse._summary(steps, rotated_ellipse._cost_claims(steps))
    names = report.listing(rotated_ellipse.PER_COORDINATE)
    assert f"a turned one takes {words} updates with {names};" in text


def test_a_path_that_turns_with_the_ellipse_is_an_identity():
    generator = np.random.default_rng(0)

    def claims(kept):
        deviations = {
            name: generator.uniform(1, 2, 8)
            * (1.0 if name in rotated_ellipse.PER_COORDINATE else kept)
            for name in rotated_ellipse.RULES
        }
        several = {"equal rates": deviations, "best rates": deviations}
        return rotated_ellipse._path_claims(several)

    kinds = {claim.id: claim.kind for claim in claims(1e-13)}
    assert kinds["L34.kept_best"] == kinds["L34.newton_equal"] == "identity"
    assert kinds["L34.changed_best"] == "empirical"
    assert {claim.verdict for claim in claims(1e-13)} == {"supported"}
    wrong = {claim.id for claim in claims(1e-3) if claim.verdict == "contradicted"}
    assert wrong == {"L34.kept_equal", "L34.kept_best", "L34.newton_equal"}
