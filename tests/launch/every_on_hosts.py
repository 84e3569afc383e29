"""Every experiment, small, on two hosts, and in one process; prints what differs.

python -m tests.launch.every_on_hosts FOLDER [NAME ...]
python -m tests.launch.every_on_hosts --hosts FOLDER [NAME ...]      on two hosts alone

The hosts see no folder of each other's. Claims agree where both have the same verdict
and the same effect to 0.1 %.
"""

import os
import pathlib
import subprocess
import sys
import time

import numpy as np

from lec7 import report, runs
from tests.conftest import FLAGS
from tests.train import hosted

EXPERIMENTS = hosted.ROOT / "experiments"
LONGEST = 900.0  # seconds


def words(name):
    """Return the settings with which an experiment runs in seconds."""
    for field, value in runs.load(EXPERIMENTS, name).SMALL.items():
        values = value if isinstance(value, tuple) else (value,)
        yield f"--config.{field}={values[0]}"
        yield from map(str, values[1:])


def start(name, folder, count):
    """Return the processes of a run on so many hosts, 1 for none of this kind."""
    place = f"localhost:{hosted.free_port()}"
    meeting = ["--distributed", f"--coordinator={place}", f"--num_processes={count}"]
    for index in range(count):
        more = [*meeting, f"--process_id={index}"] if count > 1 else ["--devices=1"]
        yield subprocess.Popen(
            [sys.executable, "-m", __spec__.name, "--undrawn", f"--experiment={name}"]
            + [f"--workdir={folder / str(index)}", *words(name), *more],
            cwd=hosted.ROOT,
            env=os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": " ".join(FLAGS)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


def differing(name, folder, counts=(2, 1)):
    """Return what differs between a run on two hosts and one of one process."""
    found = {}
    for count in counts:
        place = folder / name / f"{count} hosts"
        ends = hosted.ends(list(start(name, place, count)), LONGEST)
        for index, (code, told) in enumerate(ends):
            if code:
                return [f"host {index} of {count} ended with {code}: {told[-2000:]}"]
        if (place / "1").exists():
            return ["the second host has written"]
        found[count] = report.read_claims(place / "0" / "claims.json")
    if len(found) == 1:
        return []
    if [claim.id for claim in found[1]] != [claim.id for claim in found[2]]:
        return ["other claims"]
    return [
        f"{one.id}: {two.verdict} {two.effect} on two hosts, {one.verdict} {one.effect}"
        for one, two in zip(found[1], found[2], strict=True)
        if (one.verdict, one.effect) != (two.verdict, two.effect)
        and (one.verdict != two.verdict or not _close(one.effect, two.effect))
    ]


def _close(one, other):
    if one is None or other is None:
        return one is other
    return abs(one - other) <= 1e-3 * max(abs(one), abs(other)) + 1e-6


def undrawn(words):
    """Run a command that draws no picture, which takes longer than all else."""
    import launch
    from lec7 import command
    from lec7.report import animations, figures, slides

    empty = figures.Pictures(png=b"no picture", svg=b"no picture")
    figures.encode = lambda *given, **named: empty
    slides.write_slide = lambda *given, **named: None
    animations.choose_steps = lambda last, frames: np.unique([0, last])
    command.start([launch.__file__, *words], launch.EXPERIMENTS)


def main(*given):
    """Print a line for each experiment."""
    alone = given[0] == "--hosts"
    folder, *names = given[alone:]
    for name in names or runs.names(EXPERIMENTS):
        begin = time.monotonic()
        counts = (2,) if alone else (2, 1)
        told = differing(name, pathlib.Path(folder), counts)
        seconds = f"{time.monotonic() - begin:.0f} s"
        print(f"{name:20} {seconds:6} {'; '.join(told) or 'well'}", flush=True)


if __name__ == "__main__":
    if "--undrawn" in sys.argv:
        undrawn(sys.argv[2:])
    main(*sys.argv[1:])
