"""A small run that is disturbed in every way, and what must come of it.

After a kill or a signal the same command ends in the bytes of a run that was left
alone. After damage it does so too, or it refuses with an exit code of its own and one
message. Anything else is wrong: other bytes, a traceback, a signal that is not heard.
"""

import collections
import functools
import itertools
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parent.parent.parent
COMMAND = (
    "--experiment=ensembles",
    *("--config.dataset=digits", "--config.seeds", "0", "1", "--config.members=2"),
    "--config.trainings=2",
    *("--config.width=8", "--config.updates=192", "--config.cycles=12"),
    *("--config.kept=2", "--config.looks=2", "--config.widths=4"),
    *("--config.rates=0.03", "0.1", "--config.decays=0.0"),
)
SKIPPED = {"run.json", ".lock"}  # hold clock times and processes
MADE_UP = b'{"made": "up"}'
EQUAL, REFUSED, WRONG = "equal", "refused", "WRONG"
REFUSALS = {2, 3, 4, 6}
STATES: dict[str, Callable[[pathlib.Path], bool]] = {
    "training": lambda folder: (
        any(folder.glob("checkpoints/*/0*/state.msgpack"))
        and not (folder / "findings.npz").exists()
    ),
    "telling": lambda folder: (
        (folder / "findings.npz").exists() and not (folder / "report.html").exists()
    ),
    "finished": lambda folder: (folder / "report.html").exists(),
}
GRACE = 30.0  # seconds in which a signal must end a run


class Row(NamedTuple):
    """What came of one fault."""

    kind: str
    case: str
    outcome: str
    told: str


class Bench:
    """A run left alone, and copies of it that are disturbed."""

    def __init__(self, folder: pathlib.Path, *, seed: int = 0):
        """Run once to compile, and once to see what is right and how long it takes."""
        self._folder = folder
        self._moments = random.Random(seed)
        self._made = itertools.count(1)
        self._finish(folder / "first")
        begin = time.monotonic()
        self._finish(folder / "whole")
        self.seconds = time.monotonic() - begin
        self._right = results(folder / "whole")
        if results(folder / "first") != self._right:
            raise AssertionError("two runs that were left alone differ")

    def rows(self, kills: int, signals: int, *, damage: int | None, jobs: int = 1):
        """Yield what comes of kills, signals and damages; None stands for every one."""
        waiting = collections.deque()
        with futures.ThreadPoolExecutor(jobs) as pool:
            for fault in self._faults(kills, signals, damage):
                waiting.append(pool.submit(fault))
                if len(waiting) > jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _faults(
        self, kills: int, signals: int, damage: int | None
    ) -> Iterator[Callable[[], Row]]:
        for _ in range(kills):
            yield functools.partial(self.kill, self._moment())
        for place in range(signals):
            number = (signal.SIGTERM, signal.SIGINT)[place % 2]
            twice = place % 6 > 3
            yield functools.partial(self.signal, number, self._moment(), twice=twice)
        for state in STATES if damage != 0 else ():
            whole = self._folder / "whole" if state == "finished" else self.cut(state)
            cases = self._cases(whole)
            if damage is not None:
                cases = self._moments.sample(cases, min(damage // 3, len(cases)))
            for name, way in cases:
                yield functools.partial(self.damage, whole, state, name, way)

    def kill(self, moment: float) -> Row:
        """Kill a run, and let the same command finish it."""
        folder = self._new()
        process = self._start(folder)
        if _ends_before(process, moment):
            return Row("kill", f"after {moment:.1f} s", *self._judge(folder, process))
        process.kill()
        process.communicate()
        return Row("kill", f"at {moment:.1f} s", *self.end(folder))

    def signal(self, number: int, moment: float, *, twice: bool = False) -> Row:
        """Send a signal, and let the same command finish what it left."""
        folder = self._new()
        process = self._start(folder)
        case = f"{signal.Signals(number).name}{' twice' * twice} at {moment:.1f} s"
        if _ends_before(process, moment):
            return Row("signal", case, *self._judge(folder, process))
        process.send_signal(number)
        if twice:
            time.sleep(self._moments.uniform(0.0, 0.3))
            process.send_signal(number)
        try:
            _, told = process.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Row("signal", case, WRONG, f"still there after {GRACE:.0f} s")
        heard = {128 + number, *((-number,) if twice else ())}
        if process.returncode not in heard:
            what = f"exit {process.returncode}: {_last(told)}"
            return Row("signal", case, WRONG, what)
        if b"Traceback" in told:
            return Row("signal", case, WRONG, f"a traceback: {_last(told)}")
        return Row("signal", case, *self.end(folder))

    def damage(
        self, whole: pathlib.Path, state: str, name: pathlib.Path, way: str
    ) -> Row:
        """Damage a file in a copy of a run."""
        folder = self.copy(whole)
        WAYS[way](folder / name, self._moments)
        case = f"{state}: {name} {way}"
        return Row("damage", case, *self.end(folder, may_refuse=True))

    def copy(self, whole: pathlib.Path) -> pathlib.Path:
        """Return a copy of a run."""
        folder = self._new()
        shutil.copytree(whole, folder)
        return folder

    def _cases(self, whole: pathlib.Path) -> list[tuple[pathlib.Path, str]]:
        files = sorted(path for path in whole.rglob("*") if path.is_file())
        names = [path.relative_to(whole) for path in files if path.name != ".lock"]
        return [(name, way) for name in names for way in WAYS]

    def _moment(self) -> float:
        return self._moments.uniform(0.1, 1.0) * self.seconds

    def cut(self, state: str) -> pathlib.Path:
        """Return a run that was killed as soon as it was in a state."""
        folder = self._new()
        process = self._start(folder)
        while not STATES[state](folder):
            if not _ends_before(process, 0.01):
                continue
            raise AssertionError(f"a run ended, and never was {state}")
        process.kill()
        process.communicate()
        return folder

    def _new(self) -> pathlib.Path:
        return self._folder / f"run_{next(self._made)}"

    def _start(self, folder: pathlib.Path, broken: str = "") -> subprocess.Popen:
        environment = os.environ | {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self._folder / "bytecode"),
            "LEC7_DATA_DIR": str(self._folder / "data"),
            "LEC7_ZOO_DIR": str(self._folder / "zoo"),
            "XDG_CACHE_HOME": str(self._folder / "cache"),
        }
        return subprocess.Popen(
            [sys.executable, *_program(broken), *COMMAND, f"--workdir={folder}"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def _finish(self, folder: pathlib.Path) -> None:
        process = self._start(folder)
        _, told = process.communicate()
        if process.returncode:
            raise AssertionError(told.decode())

    def end(self, folder: pathlib.Path, *, may_refuse: bool = False, broken: str = ""):
        """Run the command once more, and judge; what is equal is removed.

        Args:
          folder: of a run that has not ended well.
          may_refuse: whether an exit code of its own is right too.
          broken: name of one of `breakages.BREAKAGES`, which the command then has.
        """
        process = self._start(folder, broken)
        return self._judge(folder, process, may_refuse=may_refuse)

    def _judge(self, folder, process, *, may_refuse=False):
        _, told = process.communicate()
        if b"Traceback" in told:
            return WRONG, f"a traceback: {_last(told)}"
        if process.returncode:
            refused = may_refuse and process.returncode in REFUSALS
            what = f"exit {process.returncode}: {_last(told)}"
            return (REFUSED if refused else WRONG), what
        differing = different(results(folder), self._right)
        if differing:
            return WRONG, f"differs: {', '.join(differing[:3])}"
        shutil.rmtree(folder)  # one of the bench's own
        return EQUAL, _last(told)


def _program(broken):
    if not broken:
        return ("launch.py",)
    return "-c", (
        "import sys, launch; from tests.faults import breakages; "
        f"breakages.BREAKAGES[{broken!r}](); sys.exit(launch.main(sys.argv))"
    )


def results(folder: pathlib.Path) -> dict[str, bytes]:
    """Return the bytes of all that a run has learned, by file."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and path.name not in SKIPPED and not _beside(name):
            content = path.read_bytes()
            if path.name == "report.html":
                content = content.partition(b"How it was run")[0]
            found[name] = content
    return found


def different(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Return the files that two runs do not have alike."""
    return sorted(
        name for name in one.keys() | other.keys() if one.get(name) != other.get(name)
    )


def _beside(name: str) -> bool:
    """Return whether a file is not a result: events have clock times."""
    return name.startswith("events/") or ".damaged" in name


def _ends_before(process: subprocess.Popen, moment: float) -> bool:
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        return False
    return True


def _last(told: bytes) -> str:
    lines = told.decode(errors="replace").strip().splitlines()
    return lines[-1][:120] if lines else ""


def _flip(path, moments):
    content = bytearray(path.read_bytes())
    if content:
        content[moments.randrange(len(content))] ^= 1 << moments.randrange(8)
    path.write_bytes(content)


def _to_folder(path, moments):
    del moments
    path.unlink()
    path.mkdir()


WAYS: dict[str, Callable[[pathlib.Path, random.Random], None]] = {
    "emptied": lambda path, _: path.write_bytes(b""),
    "halved": lambda path, _: path.write_bytes(
        path.read_bytes()[: path.stat().st_size // 2]
    ),
    "deleted": lambda path, _: path.unlink(),
    "flipped": _flip,
    "made up": lambda path, _: path.write_bytes(MADE_UP),
    "a folder": _to_folder,
}
