"""How often the whole chain is wrong, on simulated pages whose truth is known."""

import math

import numpy as np
import pytest

from lec7.report import claims, evidence, vocabulary

pytestmark = pytest.mark.slow

SAY = vocabulary.Claims(source="simulation")
PAGES, CLAIMS = 2000, 20
TRUTHS = {
    "at the bound": np.zeros(CLAIMS),
    "small": np.tile([0.0, 0.5, 1.0, 2.0], CLAIMS // 4),
    "large": np.tile([0.0, 5.0], CLAIMS // 2),
}


def draws(rng, kind, shape):
    """Return values of mean 0 and variance 1."""
    if kind == "normal":
        return rng.normal(size=shape)
    return rng.standard_t(3, size=shape) / math.sqrt(3)


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("kind", ["normal", "heavy-tailed"])
@pytest.mark.parametrize("seeds", [3, 5, 10, 20])
def test_few_pages_hold_a_false_verdict(seeds, kind, truth):
    rng = np.random.default_rng(seeds)
    effects, false = TRUTHS[truth], 0
    for _ in range(PAGES):
        values = draws(rng, kind, (CLAIMS, seeds)) + effects[:, None]
        page = claims.family(
            [
                SAY.mean(f"c{i}", "It is above 0.", "one", row, above=0)
                for i, row in enumerate(values)
            ]
        )
        verdicts = [claim.verdict for claim in page]
        false += any(
            verdict == "contradicted" or (verdict == "supported" and effect == 0)
            for verdict, effect in zip(verdicts, effects, strict=True)
        )
    assert false / PAGES <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / PAGES)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize(
    ("of_seeds", "of_examples", "rest"),
    [(0.2, 3.0, 10.0), (0.0, 6.0, 10.0), (1.4, 6.0, 45.0), (2.0, 0.0, 10.0)],
)
def test_intervals_over_seeds_and_examples_cover(of_seeds, of_examples, rest, seeds):
    rng = np.random.default_rng(seeds)
    count, covered = 300, 0
    for _ in range(1000):
        cells = (
            of_seeds * rng.normal(size=(seeds, 1))
            + of_examples * rng.normal(size=(1, count))
            + rest * rng.normal(size=(seeds, count))
        )
        low, high = evidence.of_cells(cells).interval(0.95)
        covered += low < 0 < high
    assert 0.92 <= covered / 1000 <= 0.985
