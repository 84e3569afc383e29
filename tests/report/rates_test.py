"""How often the whole chain is wrong, on simulated pages whose truth is known.

`python -m tests.report.rates_test` prints the tables of docs/verdicts.md in 3 minutes.
"""

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


SEEDS, KINDS = (3, 5, 10, 20), ("normal", "heavy-tailed")
SAMPLES, EXAMPLES = 1000, 300
CHANCE = {
    "mostly examples": (0.2, 3.0, 10.0),
    "examples alone": (0.0, 6.0, 10.0),
    "both": (1.4, 6.0, 45.0),
    "seeds alone": (2.0, 0.0, 10.0),
}
"""Standard deviations of seeds, examples and both together."""


def false_pages(seeds, kind, truth):
    """Return the share of pages with a false verdict."""
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
    return false / PAGES


def covered(seeds, chance):
    """Return the share of intervals over seeds and examples that hold the truth."""
    rng = np.random.default_rng(seeds)
    of_seeds, of_examples, rest = CHANCE[chance]
    held = 0
    for _ in range(SAMPLES):
        cells = (
            of_seeds * rng.normal(size=(seeds, 1))
            + of_examples * rng.normal(size=(1, EXAMPLES))
            + rest * rng.normal(size=(seeds, EXAMPLES))
        )
        low, high = evidence.of_cells(cells).interval(0.95)
        held += low < 0 < high
    return held / SAMPLES


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_few_pages_hold_a_false_verdict(seeds, kind, truth):
    chance = 3 * math.sqrt(0.05 * 0.95 / PAGES)
    assert false_pages(seeds, kind, truth) <= 0.05 + chance


@pytest.mark.parametrize("seeds", SEEDS[:3])
@pytest.mark.parametrize("chance", CHANCE)
def test_intervals_over_seeds_and_examples_cover(chance, seeds):
    assert 0.92 <= covered(seeds, chance) <= 0.985


def _print(titles, rows):
    for row in (titles, ["---"] * len(titles), *rows):
        print("|", " | ".join(map(str, row)), "|")


if __name__ == "__main__":
    _print(
        ["effects", "values", *(f"{seeds} seeds" for seeds in SEEDS)],
        (
            [truth, kind]
            + [f"{100 * false_pages(seeds, kind, truth):.1f}" for seeds in SEEDS]
            for truth in TRUTHS
            for kind in KINDS
        ),
    )
    _print(
        ["chance", *(f"{seeds} seeds" for seeds in SEEDS[:3])],
        (
            [chance, *(f"{100 * covered(seeds, chance):.1f}" for seeds in SEEDS[:3])]
            for chance in CHANCE
        ),
    )
