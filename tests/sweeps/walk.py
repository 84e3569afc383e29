"""Where does a noisy walk downhill end?

Run: python launch.py --experiment=walk
Expected: near the bottom, in 1 minute.
Source: tests/sweeps.
Data: none.
"""

import dataclasses
import os
import resource
import time
from typing import NamedTuple

import numpy as np

from lec7 import report, signals

MEMBERS = ("rate", "seeds")


class DivergedError(ArithmeticError):
    """The walk has left the valley."""

    exit_code = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    seeds: tuple[int, ...] = (0, 1, 2)  # one walk each
    rate: float = 0.1  # step size
    noise: float = 0.5  # of a step
    steps: int = 40  # of each of the parts
    parts: int = 3  # kept one by one
    wait: float = 0.0  # seconds that a part takes at least

    def __post_init__(self):
        if not self.rate > 0:
            raise ValueError(f"rate is {self.rate}; expected more than 0")


class Findings(NamedTuple):
    """Where the walks have been [parts, M]."""

    ends: np.ndarray


def run(config, context):
    if os.environ.get("WALK_FULL") == str(config.rate):  # as on a disk that is full
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    place = np.full(len(config.seeds), 10.0)
    found = []
    with context.phase("walk"):
        for part in range(config.parts):
            begin = place
            place = context.once(
                f"part {part}", np.ndarray, lambda p=part, b=begin: walk(config, p, b)
            )
            found.append(place)
    return Findings(np.stack(found))


def walk(config, part, place):
    end = time.monotonic() + config.wait
    draws = [np.random.default_rng([s, part]) for s in config.seeds]
    for _ in range(config.steps):
        noise = np.array([rng.normal() for rng in draws])
        place = place - config.rate * (place + config.noise * noise)
    while time.monotonic() < end:
        signals.check()
        time.sleep(0.01)
    if np.abs(place).max() > 1e6:
        raise DivergedError(f"rate is {config.rate}; the walk has diverged")
    return place


def analyse(config, found):
    del config
    say = report.Claims(source="tests/sweeps", figure=None)
    claims = [
        say.mean("near", "It ends near.", "distance", np.abs(found.ends[-1]), below=1)
    ]
    sections = [report.Section("Ends", "The last places.")]
    return report.Report(
        title="Walk", summary="It walks.", claims=claims, sections=sections
    )
