import io

import pytest

from lec7.report import Progress, progress


class Clock:
    """A clock that moves when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    return Clock()


def lines(stream):
    return stream.getvalue().splitlines()


def test_rate_and_time_left_exclude_compilation(clock):
    with Progress(io.StringIO(), clock=clock).task("train", 1000) as task:
        assert (task.compile_seconds, task.rate, task.seconds_left) == (None,) * 3
        clock.now += 30
        task.update(100)
        assert (task.compile_seconds, task.rate, task.seconds_left) == (30, None, None)
        clock.now += 2
        task.update(200)
        assert (task.rate, task.seconds_left) == (50, 16)
        clock.now += 2
        task.update(600)
        assert (task.rate, task.seconds_left) == (125, 3.2)


def test_a_resumed_task_counts_only_its_own_steps(clock):
    with Progress(io.StringIO(), clock=clock).task("train", 1000, start=800) as task:
        for step in (820, 840):
            clock.now += 4
            task.update(step)
    assert task.rate == 5
    assert task.seconds_left == 32


def test_plain_lines_are_few_and_the_last_is_always_there(clock):
    stream = io.StringIO()
    with Progress(stream, clock=clock, interval=5.0).task("train", 100) as task:
        for step in range(1, 101):
            clock.now += 0.25
            task.update(step, loss=1 / step)
    *running, last = lines(stream)
    assert len(running) == 4
    assert running[0] == "train: 20/100 steps, 4.00 steps/s, 20 s left, loss 0.05"
    assert last == (
        "train: 100 steps in 25 s, compile 0.2 s, then 4.00 steps/s, loss 0.01"
    )


def test_a_short_task_takes_one_line(clock):
    stream = io.StringIO()
    with Progress(stream, clock=clock).task("trace", 1, unit="probe") as task:
        clock.now += 1.5
        task.update(1)
    assert lines(stream) == ["trace: 1 probe in 1.5 s"]


def test_a_task_that_fails_says_how_far_it_came(clock):
    stream = io.StringIO()
    with (
        pytest.raises(KeyboardInterrupt),
        Progress(stream, clock=clock).task("train", 100) as task,
    ):
        clock.now += 2
        task.update(40)
        raise KeyboardInterrupt
    assert lines(stream) == ["train: 40 of 100 steps in 2.0 s"]


def test_a_clock_that_stands_still_does_no_harm(clock):
    with Progress(io.StringIO(), clock=clock).task("train", 2) as task:
        task.update(1)
        task.update(2)
    assert task.rate is None


def test_say_replaces_what_the_stream_cannot_encode():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    Progress(stream).say("runs → [x]")
    assert stream.buffer.getvalue().decode().strip() == "runs ? [x]"


def test_a_terminal_shows_a_bar_and_keeps_the_last_lines(clock, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    progress = Progress(stream, clock=clock)
    with progress.task("train [small]", 100) as outer:
        clock.now += 3
        outer.update(50, loss=0.5)
        progress.say("half [way]")
        with progress.task("inner", 10) as inner:
            inner.update(10)
        clock.now += 1
        outer.update(100)
    progress.say("done")
    shown = stream.getvalue()
    assert "\x1b[" in shown
    assert "50/100 steps, loss 0.5" in shown
    for line in ("half [way]", "inner: 10 steps", "train [small]: 100 steps in 4.0 s"):
        assert line in shown
    assert lines(stream)[-1] == "done"


def test_a_dumb_terminal_gets_plain_lines(clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress(stream, clock=clock).task("train", 1) as task:
        task.update(1)
    assert lines(stream) == ["train: 1 step in 0.0 s"]


def test_a_narrow_terminal_shows_whole_metrics_or_none():
    task = progress.Task("training", 100, 10, "step", lambda: 0.0, lambda task: None)
    task.metrics = {"train_loss": 0.1, "validation_accuracy": 0.09988}
    told = [progress._status(task, room) for room in (10, 35, 80)]
    assert told == [
        "10/100 steps",
        "10/100 steps, train_loss 0.1",
        "10/100 steps, train_loss 0.1, validation_accuracy 0.09988",
    ]
