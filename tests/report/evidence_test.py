"""p-values, intervals and what is detectable, against worked vectors and simulation."""

import math

import numpy as np
import pytest

from lec7.report import claims, evidence, significance, verdicts, vocabulary

SAY = vocabulary.Claims(source="lecture, 0:01:00")
CELLS = [[1, 0, 0, 1, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1, 1, 0], [1, 0, 1, 0, 0, 0, 1, 0]]
INF = math.inf


@pytest.mark.parametrize(
    ("values", "ends", "p"),
    [
        ([2.1, 1.9, 2.2], (1, INF), 0.006766631609278646),
        ([0.1, 0.2, 0, -0.1, 0.3], (-0.5, 0.5), 0.00481267833004422),
        ([0.1, 0.2, 0, -0.1, 0.3], (-INF, 0), 0.23019964108),
    ],
)
def test_p_of_a_mean(values, ends, p):
    found = evidence.of_seeds(values)
    assert found.p(*ends) == pytest.approx(p, rel=1e-9)
    logs = evidence.of_seeds(values, log=True)
    as_ratios = [math.exp(end) if math.isfinite(end) else end for end in ends]
    as_ratios[0] = 0 if ends[0] == -INF else as_ratios[0]
    assert logs.p(*as_ratios) == pytest.approx(p, rel=1e-9)
    assert logs.effect == pytest.approx(math.exp(found.effect))


@pytest.mark.parametrize(
    ("hits", "trials", "ends", "p"),
    [
        (100, 100, (0.95, INF), 0.011841058440667993),
        (58, 100, (-INF, 0.5), 0.13321061920720),
        (27, 100, (0.2, 0.4), 0.11166543367741),
    ],
)
def test_p_of_a_share(hits, trials, ends, p):
    assert evidence.Share(hits, trials).p(*ends) == pytest.approx(p, rel=1e-9)


def test_two_sources_of_chance():
    found = evidence.of_cells(CELLS)
    seeds, both = found.sources
    assert found.effect == pytest.approx(0.2916666667)
    assert seeds.variance == pytest.approx(0.0069444444)
    assert both.variance - seeds.variance == pytest.approx(0.0245535714)
    assert (seeds.freedom, both.freedom) == (2, pytest.approx(8.99984057))
    assert found.half(0.95) == pytest.approx(0.4014815070)
    assert found.p(0, INF) == pytest.approx(0.1347127482)
    rows = np.mean(CELLS, axis=1)
    assert seeds.variance == pytest.approx(rows.var(ddof=1) / len(rows))


def test_examples_that_all_say_the_same_add_no_chance():
    cells = np.repeat([[0.1], [0.3], [0.2]], 50, axis=1)
    found, alone = evidence.of_cells(cells), evidence.of_seeds(cells[:, 0])
    assert found.half(0.95) == pytest.approx(alone.half(0.95))
    assert evidence.of_cells(np.ones((3, 5))) is None
    only_examples = evidence.of_cells(np.tile(np.arange(5.0), (3, 1)))
    assert 0 < only_examples.p(1, INF) < 1


@pytest.mark.parametrize(
    ("count", "alpha", "expected"),
    [(5, 0.05, 1.681997298), (5, 0.05 / 20, 3.775896391), (10, 0.05, 0.996002269)],
)
def test_detectable_distance_of_a_mean(count, alpha, expected):
    source = evidence.Source(1 / count, count - 1)
    found = evidence.Mean(0.0, (source,))
    assert found.detectable(alpha, 0, INF) == pytest.approx(expected)
    assert found.detectable(alpha, -0.1, 0.1) is None
    as_ratio = evidence.Mean(0.0, (source,), log=True)
    assert as_ratio.detectable(alpha, 1, INF) == pytest.approx(math.exp(expected))


def test_a_detectable_distance_is_shown_four_times_of_five():
    rng = np.random.default_rng(0)
    distance = evidence.Mean(0.0, (evidence.Source(1 / 8, 7),)).detectable(0.01, 0, INF)
    draws = rng.normal(distance, 1, (4000, 8))
    shown = np.mean([evidence.of_seeds(row).p(0, INF) <= 0.01 for row in draws])
    assert shown == pytest.approx(0.8, abs=0.02)
    share = evidence.Share(150, 200).detectable(0.01, 0.7, INF)
    hits = rng.binomial(200, 0.7 + share, 4000)
    found = [evidence.Share(int(h), 200) for h in hits]
    shown = np.mean([f.p(0.7, INF) <= 0.01 and f.effect > 0.7 for f in found])
    assert shown == pytest.approx(0.8, abs=0.02)
    assert evidence.Share(19, 20).detectable(0.01, 0.95, INF) is None
    below = evidence.Share(50, 200).detectable(0.01, -INF, 0.3)
    assert below == pytest.approx(share)


def page(rng, count, seeds):
    """Return the values of claims, some at their bound, one a share."""
    shifts = rng.choice([0, 0.5, 1, 2, 5], count)
    return [rng.normal(shift, 1, seeds) for shift in shifts]


@pytest.mark.parametrize("seed", range(20))
def test_the_verdict_of_a_family_is_that_of_holm_and_of_its_interval(seed):
    rng = np.random.default_rng(seed)
    many = [
        SAY.mean(f"m{i}", "It.", "one", values, above=0)
        for i, values in enumerate(page(rng, 12, 5))
    ]
    many += [
        SAY.share(f"s{i}", "It.", "one", rng.random(60) < rate, above=0.5)
        for i, rate in enumerate((0.4, 0.6, 0.9))
    ]
    corrected = significance.holm([claim.p for claim in many])
    for claim, p in zip(claims.family(many), corrected, strict=True):
        assert claim.corrected_p == p >= claim.p
        assert (claim.verdict == "inconclusive") == (p > 0.05)
        above, below = claim.ends
        at_level = verdicts.verdict(claim.corrected_interval, above=above, below=below)
        assert claim.verdict == at_level
        assert (claim.detectable is None) == (claim.verdict != "inconclusive")
        assert claim.corrected_interval[0] <= claim.interval[0]


def test_only_tested_empirical_claims_are_of_the_family():
    values = [0.9, 1.3, 1.0, 1.2, 0.2]
    alone = SAY.mean("a", "It.", "one", values, above=0)
    assert alone.corrected_p == alone.p < 0.05
    others = [
        vocabulary.Claims(source="x", kind="identity").mean(
            "b", "It.", "one", values, above=0
        ),
        vocabulary.Claims(source="x", untested="no").mean(
            "c", "It.", "one", values, above=0
        ),
        SAY.mean("d", "It.", "one", values[:2], above=0),
    ]
    first, *rest = claims.family([alone, *others])
    assert first == alone
    assert [claim.verdict for claim in rest] == ["supported", "untested", "untested"]
    first, second = claims.family([alone, SAY.mean("e", "It.", "one", values, above=0)])
    assert first.corrected_p == second.corrected_p == pytest.approx(2 * alone.p)


def test_claims_of_a_failed_precondition_keep_their_numbers_and_decide_nothing():
    values = [0.9, 1.3, 1.0, 1.2, 0.2]
    same = vocabulary.Claims(source="x", kind="identity")
    many = [say.mean(say.kind, "It.", "one", values, above=0) for say in (SAY, same)]
    assert claims.untested(many, None) == many
    first, second = claims.family(claims.untested(many, "2 networks did not train"))
    assert (first.verdict, first.why) == ("untested", "2 networks did not train")
    assert (first.effect, first.p) == (many[0].effect, None)
    assert second == many[1]


def test_a_family_of_a_family_is_itself():
    many = claims.family(
        [
            SAY.mean(f"m{i}", "It.", "one", values, above=0)
            for i, values in enumerate(page(np.random.default_rng(4), 8, 4))
        ]
    )
    assert claims.family(many) == many
