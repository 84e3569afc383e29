"""Claims are decided by the range they state, whatever the form of the effect."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from lec7 import report

SAY = report.Claims(source="lecture, 0:01:00", figure="curve")
COUNT = dataclasses.replace(SAY, kind="definition")
A, B = np.array([2.0, 2.2, 1.9, 2.1]), np.array([1.0, 1.1, 1.0, 0.9])


def decided(form, *values, **ends):
    say = COUNT if form == "exact" else SAY
    return getattr(say, form)("L00", "It is so.", "nats", *values, **ends)


FORMS = [
    ("mean", (A,), A.mean()),
    ("paired", ((A, B),), (A - B).mean()),
    ("ratio", ((A, B),), math.exp(np.log(A / B).mean())),
    ("share", ([True] * 28 + [False] * 2,), 28 / 30),
    ("exact", (0.5,), 0.5),
]


@pytest.mark.parametrize(("form", "values", "effect"), FORMS)
def test_the_effect_lies_in_its_interval(form, values, effect):
    claim = decided(form, *values, above=0)
    assert claim.effect == pytest.approx(effect, rel=1e-12)
    assert claim.ratio == (form == "ratio")
    assert claim.interval[0] <= claim.effect <= claim.interval[1]
    assert (claim.source, claim.figure) == (SAY.source, SAY.figure)


@pytest.mark.parametrize(("form", "values", "effect"), FORMS)
def test_a_verdict_flips_with_the_range(form, values, effect):
    interval = decided(form, *values, above=0).interval
    margin = 0.1 + interval[1] - interval[0]
    assert decided(form, *values, above=effect - margin).verdict == "supported"
    assert decided(form, *values, above=effect + margin).verdict == "contradicted"
    assert decided(form, *values, below=effect + margin).verdict == "supported"
    assert decided(form, *values, below=effect - margin).verdict == "contradicted"
    if form != "exact":
        assert decided(form, *values, above=effect).verdict == "inconclusive"


@pytest.mark.parametrize(("form", "values", "effect"), FORMS)
def test_a_claim_keeps_the_range_and_the_kind(form, values, effect):
    claim = decided(form, *values, above=-1, below=9)
    kind = "definition" if form == "exact" else "empirical"
    assert (claim.above, claim.below, claim.kind) == (-1, 9, kind)
    assert decided(form, *values, below=9).above is None
    says = report.Claims(source="algebra", kind="identity")
    assert says.exact("x", "It is so.", "one", 1.0, above=0).kind == "identity"
    with pytest.raises(ValueError, match="kind is 'odd'; expected one of empirical"):
        report.Claims(source="x", kind="odd").exact("x", "It.", "one", 1.0, above=0)
    with pytest.raises(ValueError, match="a number without chance is an identity"):
        SAY.exact("x", "It.", "one", 1.0, above=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("form", ["mean", "paired", "ratio"])
def test_a_value_that_is_unknown_leaves_a_claim_open(form, bad):
    spoilt = np.append(A[:3], bad)
    claim = decided(form, spoilt if form == "mean" else (spoilt, B), above=0)
    assert (claim.verdict, claim.why) == ("untested", "1 of 4 seeds have no value")
    assert claim.effect is None


@pytest.mark.parametrize("form", ["paired", "ratio"])
def test_rows_that_are_not_pairs_are_refused(form):
    with pytest.raises(ValueError, match=r"claim L00: a has shape \(4,\) and b \(3,\)"):
        decided(form, (A, B[:3]), above=0.5)


def test_a_share_has_the_interval_of_clopper_and_pearson():
    # Closed form at the ends: the 2.5 % quantile of no hits in n is 0, and the upper
    # end solves (1 - p)^n = 0.025.
    claim = decided("share", [False] * 20, below=0.5)
    assert claim.interval == pytest.approx((0.0, 1 - 0.025 ** (1 / 20)))


def test_effects_are_written_as_a_sentence_has_them():
    claims = [decided("mean", A, above=0), COUNT.exact("n", "It.", "one", 3.0, above=0)]
    assert report.effects(claims) == {"L00": "2.05", "n": "3.00"}


def test_two_claims_of_one_id_are_no_family():
    claim = decided("mean", A, above=0)
    with pytest.raises(ValueError, match="2 claims have the id 'L00'"):
        report.family([claim, claim])


@pytest.mark.parametrize(
    ("hits", "above", "verdict"),
    [
        (100 * [True], 0.95, "supported"),
        (10 * [True], 0.95, "inconclusive"),
        (2 * [True], 0.95, "untested"),
        (100 * [False], 0.95, "contradicted"),
        (1 * [True] + 99 * [False], 0.0, "supported"),
        (100 * [False], 0.0, "inconclusive"),
    ],
)
def test_a_share_is_claimed_as_far_as_the_trials_bear_it(hits, above, verdict):
    claim = decided("share", hits, above=above)
    assert claim.verdict == verdict
    assert claim.effect == np.mean(hits)
    assert claim.seeds == len(hits)


def test_paired_is_the_paired_t_test():
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 0.1, 6), rng.normal(0.9, 0.1, 6)
    claim = decided("paired", (a, b), above=0)
    expected = stats.ttest_rel(a, b)
    assert claim.effect == pytest.approx(np.mean(a - b))
    assert claim.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert (claim.verdict == "supported") == (expected.pvalue < 0.05)
    assert claim.seeds == 6


def test_pairing_removes_what_a_seed_does_to_both_sides():
    seed = np.array([0.0, 10.0, -5.0, 3.0])
    b = seed + np.array([0.0, 0.1, 0.0, -0.1])
    assert decided("paired", (seed + 1, b), above=0).verdict == "supported"


def test_swapping_the_sides_turns_support_into_contradiction():
    a, b = [1.0, 1.1, 1.3], [0.2, 0.1, 0.3]
    assert decided("paired", (a, b), above=0).verdict == "supported"
    assert decided("paired", (b, a), above=0).verdict == "contradicted"
    assert decided("paired", (b, a), below=0).verdict == "supported"


def test_ratio_gives_effect_and_interval_as_ratios():
    a, b = np.array([205.0, 140.0, 260.0]), np.array([1.2, 0.5, 2.0])
    claim = decided("ratio", (a, b), above=1)
    logs = np.log(a / b)
    half = stats.t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    assert claim.effect == pytest.approx(np.exp(logs.mean()))
    assert claim.interval == pytest.approx(
        (np.exp(logs.mean() - half), np.exp(logs.mean() + half))
    )
    assert claim.verdict == "supported"


def test_ratio_of_swapped_sides_is_the_reciprocal():
    a, b = [3.0, 5.0, 2.0, 4.0], [1.0, 2.0, 1.5, 0.7]
    claim = decided("ratio", (a, b), above=1)
    swapped = decided("ratio", (b, a), below=1)
    assert swapped.effect == pytest.approx(1 / claim.effect)
    assert swapped.interval == pytest.approx(
        (1 / claim.interval[1], 1 / claim.interval[0])
    )
    assert swapped.verdict == claim.verdict == "supported"


def test_mean_meets_its_threshold():
    values = [2.1, 1.9, 2.2]
    for above, expected in ((1, "supported"), (2, "inconclusive"), (3, "contradicted")):
        claim = decided("mean", values, above=above)
        assert claim.verdict == expected
        assert claim.effect == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    ("a", "b", "effect", "why"),
    [
        ([], [], None, "fewer than three seeds: 0"),
        ([1.0], [0.5], 0.5, "fewer than three seeds: 1"),
        ([1.0, 1.1], [0.5, 0.5], 0.55, "fewer than three seeds: 2"),
        ([1.0, np.nan], [0.5, 0.5], None, "1 of 2 seeds have no value"),
        ([np.inf, np.inf], [np.inf, 0.5], None, "2 of 2 seeds have no value"),
        ([1.0, 1.0, 1.0], [0.5, 0.5, 0.5], 0.5, "the seeds do not differ"),
    ],
)
def test_degenerate_pairs_are_untested_whatever_they_say(a, b, effect, why):
    claims = [
        decided("paired", pair, above=end)
        for pair in ((a, b), (b, a))
        for end in (-2, 0, 2)
    ]
    assert {claim.verdict for claim in claims} == {"untested"}
    claim = claims[1]
    assert (claim.effect, claim.why) == (pytest.approx(effect), why)
    assert (claim.interval is None) == (len(set(a)) < 2 or effect is None)
    assert claim.seeds == len(a)


@pytest.mark.parametrize("b", [[0.0, 1.0], [-1.0, 1.0], [np.nan, 1.0], [-1.0, -1.0]])
def test_a_ratio_of_what_is_not_positive_is_untested(b):
    claim = decided("ratio", ([-1.0, 2.0], b), above=1)
    assert (claim.verdict, claim.effect, claim.interval) == ("untested", None, None)


def test_a_precondition_leaves_claims_untested_with_their_numbers():
    say = dataclasses.replace(SAY, untested="2 networks did not reach the loss")
    claim = say.mean("L00", "It is so.", "nats", A, above=0)
    assert (claim.verdict, claim.why) == ("untested", say.untested)
    assert claim.effect == decided("mean", A, above=0).effect
    assert claim.p is None


def test_test_examples_are_a_sample_too():
    # A difference on five of a thousand examples, of one treatment, for all seeds.
    rng = np.random.default_rng(0)
    right = np.tile(rng.random(1000) < 0.97, (10, 1)).astype(float)
    wrong = right.copy()
    wrong[:, np.flatnonzero(right[0])[:3]] = 0
    wrong[0, np.flatnonzero(right[0])[4]] = 0
    by_seed = decided("paired", (right.mean(1), wrong.mean(1)), above=0)
    by_example = decided("paired", (right, wrong), above=0)
    assert by_seed.verdict == "supported"
    assert by_example.verdict == "inconclusive"
    assert by_example.effect == pytest.approx(by_seed.effect)
    assert by_example.chance["examples"] > by_example.chance["seeds"]
    swapped = decided("paired", (right[::-1, ::-1], wrong[::-1, ::-1]), above=0)
    assert swapped.interval == pytest.approx(by_example.interval)


def test_a_ratio_of_mean_losses_has_the_interval_of_its_first_order():
    rng = np.random.default_rng(1)
    a, b = rng.gamma(2, 1, (8, 400)), rng.gamma(2, 0.8, (8, 400))
    claim = decided("ratio", (a, b), above=1)
    assert claim.effect == pytest.approx(
        math.exp(np.log(a.mean(1) / b.mean(1)).mean()), rel=1e-12
    )
    seeds, _ = claim.evidence.sources
    assert seeds.variance == pytest.approx(
        np.log(a.mean(1) / b.mean(1)).var(ddof=1) / len(a)
    )
    # A hundredth more of every loss is a hundredth more of their mean.
    more = decided("ratio", (1.01 * a, b), above=1)
    assert more.effect == pytest.approx(1.01 * claim.effect)
    assert np.divide(*more.interval) == pytest.approx(np.divide(*claim.interval))


def test_false_claims_are_seldom_decided():
    rng = np.random.default_rng(1)
    count = 0
    for _ in range(2000):
        a, b = rng.normal(0, 1, (2, 5))
        claim = decided("paired", (a, b), above=0)
        count += claim.verdict != "inconclusive"
    assert abs(count / 2000 - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 2000)
