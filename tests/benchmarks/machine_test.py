"""Foreign load and the speed-up of two threads are what they are defined as."""

import os

import pytest

from benchmarks import machine

TICKS = os.sysconf("SC_CLK_TCK")


def stat(*, user=0, system=0, idle=0, iowait=0, steal=0, guest=0):
    """Text of `/proc/stat` with these seconds."""
    seconds = (user, 0, system, idle, iowait, 0, 0, steal, guest, 0)
    return "cpu  " + " ".join(str(s * TICKS) for s in seconds) + "\ncpu0 1 2 3\n"


def test_waiting_and_guests_are_not_counted_as_work():
    found = machine.read(stat(user=4, system=1, idle=10, iowait=2, steal=3, guest=4))
    assert (found.busy, found.total) == (8, 20)


@pytest.mark.parametrize(
    ("busy", "own", "share"),
    [(2.0, 2.0, 0.0), (2.0, 1.0, 0.25), (4.0, 0.0, 1.0), (1.0, 1.1, 0.0)],
)
def test_foreign_load_is_what_is_used_by_others_in_the_time_of_all_cores(
    busy, own, share
):
    before = machine.Reading(100.0, 500.0, 7.0)
    after = machine.Reading(100.0 + busy, 504.0, 7.0 + own)
    assert machine.foreign(before, after) == pytest.approx(share)


def test_an_interval_without_a_tick_has_no_load():
    reading = machine.Reading(1.0, 2.0, 0.0)
    assert machine.foreign(reading, reading) == 0


def test_own_work_is_counted_as_own():
    before = machine.read(stat())
    end = before.own + 0.05
    while machine.read(stat()).own < end:
        sum(range(1000))
    after = machine.read(stat(user=1, idle=1))
    assert after.own >= end


@pytest.mark.parametrize(("speedup", "fails"), [(1.79, True), (1.8, False)])
def test_two_threads_must_do_1_8_times_the_work_of_one(speedup, fails):
    assert bool(machine.complaint(speedup)) == fails


def test_the_work_of_two_threads_is_measured():
    assert 0.1 < machine.speedup(size=64, products=2, repeats=2) < 10


def test_a_process_bound_to_one_core_is_not_asked_for_two(monkeypatch):
    monkeypatch.setattr(machine, "threads", lambda: 1)
    assert machine.complaint(machine.speedup()) is None
