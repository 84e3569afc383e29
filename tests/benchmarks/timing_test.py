"""Everyone takes a turn in each round, and disturbed rounds do not count."""

import itertools

import pytest

from benchmarks import machine, timing


class Bench:
    """Contestants that take given seconds while others take a share of the machine."""

    def __init__(self, loads=(), **seconds):
        self.now, self.busy, self.turns, self.pauses = 0.0, 0.0, [], []
        self.loads = itertools.chain(loads, itertools.repeat(0.0))
        self.runs = {
            name: lambda name=name, s=s: self.work(name, s)
            for name, s in seconds.items()
        }

    def work(self, name, seconds):
        first = name not in self.turns
        self.turns.append(name)
        self.now += seconds
        self.busy += 0 if first else 2 * seconds * next(self.loads)

    def alternate(self, **options):
        return timing.alternate(
            self.runs,
            read=lambda: machine.Reading(self.busy, 2 * self.now, 0.0),
            clock=lambda: self.now,
            pause=self.pauses.append,
            **options,
        )


def test_everyone_takes_turns_after_a_first_one_that_is_not_counted():
    bench = Bench(ours=1.0, theirs=3.0)
    found = bench.alternate(rounds=2)
    assert bench.turns == ["ours", "theirs"] * 3
    assert found.seconds == {"ours": [1.0, 1.0], "theirs": [3.0, 3.0]}
    assert (found.dropped, found.foreign) == (0, 0.0)


def test_a_round_with_foreign_load_in_any_turn_is_dropped_and_repeated():
    bench = Bench(loads=[0.0, 0.13, 0.11, 0.1], ours=1.0, theirs=3.0)
    found = bench.alternate(rounds=2)
    assert (found.dropped, len(found.seconds["ours"])) == (1, 2)
    assert found.foreign == pytest.approx(0.11)
    assert bench.pauses == [timing.PAUSE]


def test_rounds_are_repeated_a_bounded_number_of_times():
    bench = Bench(loads=itertools.repeat(0.5), ours=1.0, theirs=3.0)
    found = bench.alternate(rounds=3)
    assert found.seconds == {"ours": [], "theirs": []}
    assert found.dropped == timing.ATTEMPTS * 3


def test_every_round_counts_at_any_load():
    bench = Bench(loads=itertools.repeat(0.5), ours=1.0, theirs=3.0)
    found = bench.alternate(rounds=3, most_foreign=None)
    assert len(found.seconds["ours"]) == 3
    assert found.foreign == pytest.approx(0.5)


def test_ratios_are_of_times_of_one_round():
    seconds = {"lec7": [1.0, 2.0], "peer": [3.0, 4.0], "other": [1.0, 1.0]}
    rounds = timing.Rounds(seconds, dropped=0, foreign=0.0)
    found = dict(timing.ratios(rounds, "lec7"))
    assert found == {"peer": [3.0, 2.0], "other": [1.0, 0.5]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0], (2.0, 2.0, 2.0)),
        ([1.0, 3.0], (2.0, 1.5, 2.5)),
        ([5.0, 1.0, 4.0, 2.0, 3.0], (3.0, 2.0, 4.0)),
    ],
)
def test_spread_is_the_median_between_the_quartiles(values, expected):
    assert timing.spread(values) == expected
