"""A small sweep, started as a user starts it, and what came of it."""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
SWEEP = "--sweep=rate=log(0.01,1,5);noise=0.1,0.5"
TRIALS = 10


def make(folder, broken=()):
    """Return a folder with `launch.py` and the experiment `walk` alone.

    Args:
      folder: to be made.
      broken: file of lec7, its right words and wrong ones, which make a copy of lec7.
    """
    if broken:
        name, right, wrong = broken
        shutil.copytree(ROOT / "lec7", folder / "lec7")
        source = (folder / "lec7" / name).read_text()
        if source.count(right) != 1:
            raise ValueError(f"{right!r} is not once in {name}")
        (folder / "lec7" / name).write_text(source.replace(right, wrong))
    (folder / "experiments").mkdir(parents=True)
    shutil.copy(ROOT / "launch.py", folder)
    shutil.copy(HERE / "walk.py", folder / "experiments")
    return folder


def start(place, *words, **variables):
    """Start a sweep in a place, in its folder `sweep` unless told otherwise."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(place / "cache"),
        **variables,
    }
    defaults = ("--experiment=walk", "--workdir=sweep", "--members=1", SWEEP)
    given = {word.partition("=")[0] for word in words}
    words = [word for word in defaults if word.partition("=")[0] not in given] + [
        *words
    ]
    return subprocess.Popen(
        [sys.executable, "launch.py", *words],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def finish(place, *words, **variables):
    """Return exit code, output and messages of a sweep."""
    process = start(place, *words, **variables)
    out, told = process.communicate()
    return process.returncode, out, told


def results(root):
    """Return the bytes of what each trial has found and claimed, by file."""
    return {
        str(file.relative_to(root)): file.read_bytes()
        for name in ("findings.npz", "claims.json")
        for file in sorted(root.glob(f"trials/*/{name}"))
    }


def processes_of(place):
    """Return number -> trial of the processes that work on trials there."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            is_there = (entry / "cwd").resolve() == place.resolve()
        except OSError:
            continue
        trials = [word for word in words if word.startswith(b"--workdir=sweep/")]
        if is_there and trials:
            found[int(entry.name)] = trials[0]
    return found
