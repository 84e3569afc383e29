"""Hosts tell each other values in step, notice who is lost, and end together."""

import queue
import socket
import threading
import time

import pytest

from lec7.hosts import line, star

LOST_AFTER = 0.6


class Party:
    """Stars in threads of this process, whose ends are noted."""

    def __init__(self, count, lost_after=LOST_AFTER):
        meeting = line.Meeting("localhost")
        ends = [queue.SimpleQueue() for _ in range(count)]
        answers = {}

        def come(index):
            answers[index] = line.answer(meeting.invitation, index, 5.0)

        comers = [threading.Thread(target=come, args=(i,)) for i in range(1, count)]
        for comer in comers:
            comer.start()
        lines = meeting.lines(count, 5.0)
        for comer in comers:
            comer.join()
        own = [lines, *({0: answers[i]} for i in range(1, count))]
        self.ends = ends
        self.lines = own
        self.stars = [
            star.Star(i, count, own[i], lost_after=lost_after, end=ends[i].put)
            for i in range(count)
        ]

    def each(self, call):
        """Return what every star returns, all at work at once."""
        found = [None] * len(self.stars)

        def one(index):
            found[index] = call(self.stars[index], index)

        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(found))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10.0)
        return found


@pytest.fixture
def party():
    made = []

    def make(count, **given):
        made.append(Party(count, **given))
        return made[-1]

    yield make
    for one in made:
        for lines in one.lines:
            for each in lines.values():
                each.close()


def test_values_of_all_reach_all_in_their_order(party):
    of = party(3, lost_after=30.0)
    large = b"x" * 3_000_000
    assert of.each(lambda s, i: s.gathered(b"%d" % i)) == [[b"0", b"1", b"2"]] * 3
    assert of.each(lambda s, i: s.from_first({"of": i})) == [{"of": 0}] * 3
    assert of.each(lambda s, i: s.from_first(large) == large) == [True] * 3


def test_hosts_out_of_step_are_noticed(party):
    of = party(2, lost_after=30.0)
    of.stars[0].from_first(1)
    of.stars[0].from_first(2)
    of.stars[1]._step += 1
    with pytest.raises(RuntimeError, match="expected all hosts to run the same"):
        of.stars[1].from_first(None)


@pytest.mark.parametrize("victim", [0, 2])
def test_a_closed_line_ends_all_the_others_and_names_the_host(party, capfd, victim):
    of = party(3, lost_after=30.0)
    of.stars[victim]._over.acquire()  # it is dead, and notices nothing
    for each in of.lines[victim].values():
        each.close()
    others = [i for i in range(3) if i != victim]
    assert [of.ends[i].get(timeout=5.0) for i in others] == [star.LOST] * 2
    told = capfd.readouterr().err
    assert told.count(f"host {victim} of 3 (") >= 2
    assert "the same command resumes the run" in told


def test_a_silent_host_is_lost_in_time(party, capfd, monkeypatch):
    monkeypatch.setattr(star, "LINGER", 0.1)
    of = party(2)
    begin = time.monotonic()
    for each in of.lines[1].values():
        monkeypatch.setattr(each, "beat", lambda: None)
    assert of.ends[0].get(timeout=5.0) == star.LOST
    assert LOST_AFTER < time.monotonic() - begin < 4 * LOST_AFTER
    assert "host 1 of 2" in capfd.readouterr().err


def test_hosts_that_live_and_say_nothing_stay(party):
    of = party(2)
    time.sleep(3 * LOST_AFTER)
    assert of.each(lambda s, i: s.from_first(i)) == [0, 0]
    assert all(ends.empty() for ends in of.ends)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_host_that_lives_and_stands_still_is_lost(party, capfd, monkeypatch, victim):
    monkeypatch.setattr(star, "LINGER", 0.1)
    monkeypatch.setattr(star, "STILL", 2.0)
    of = party(2)
    of.each(lambda s, i: s.mark())
    of.stars[1 - victim].mark()
    time.sleep(1.5 * LOST_AFTER)
    assert all(ends.empty() for ends in of.ends)
    assert [ends.get(timeout=5.0) for ends in of.ends] == [star.LOST] * 2
    told = capfd.readouterr().err
    named = [line for line in told.splitlines() if "has not gone on" in line]
    assert len(named) == 2
    assert all(line.startswith(f"lec7: host {victim} of 2 (") for line in named)


def test_an_error_of_one_host_ends_the_others_with_its_code(party, capfd, monkeypatch):
    monkeypatch.setattr(star, "GRACE", 0.2)
    monkeypatch.setattr(star, "LINGER", 0.1)
    of = party(3, lost_after=30.0)
    of.stars[2].fail(4, "no checkpoint")
    assert [of.ends[i].get(timeout=5.0) for i in (0, 1)] == [4, 4]
    assert of.ends[2].empty()
    assert "ended with 4: no checkpoint" in capfd.readouterr().err


def test_hosts_that_come_to_the_same_error_end_by_themselves(party, monkeypatch):
    monkeypatch.setattr(star, "LINGER", 0.1)
    of = party(2, lost_after=30.0)
    of.each(lambda s, i: s.fail(2, "wrong use"))
    time.sleep(0.3)
    assert all(ends.empty() for ends in of.ends)


def test_a_stranger_at_the_door_is_sent_away():
    meeting = line.Meeting("localhost")
    port = meeting._server.getsockname()[1]
    strangers = [socket.create_connection(("localhost", port)) for _ in range(2)]
    strangers[0].sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(20))
    strangers[1].close()
    found = []
    come = threading.Thread(
        target=lambda: found.append(line.answer(meeting.invitation, 1, 5.0))
    )
    come.start()
    lines = meeting.lines(2, 10.0)
    come.join()
    assert list(lines) == [1]
    for each in (lines[1], found[0], strangers[0]):
        each.close()


def test_a_host_that_does_not_come_is_named():
    meeting = line.Meeting("localhost")
    with pytest.raises(TimeoutError, match="hosts 1, 2 did not connect"):
        meeting.lines(3, 0.2)


@pytest.mark.parametrize("hangs", [False, True])
def test_an_end_is_noted_first_if_the_note_can_be_made(party, monkeypatch, hangs):
    monkeypatch.setattr(star, "NOTE", 0.2)
    of, noted = party(2), queue.SimpleQueue()
    made = (lambda *_: time.sleep(9.0)) if hangs else (lambda *told: noted.put(told))
    of.stars[0].note = made
    of.lines[1][0].close()
    assert of.ends[0].get(timeout=5.0) == star.LOST
    if not hangs:
        code, told = noted.get(timeout=0.0)
        assert code == star.LOST
        assert "host 1 of 2" in told and "is lost" in told
