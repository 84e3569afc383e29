"""Does the fake do as it is told?

Run: python launch.py --experiment=fake
Expected: that it does, in 1-2 minutes.
Source: this file.
Data: none.
"""

import dataclasses
import errno
import os
import pathlib
import time
from typing import NamedTuple

import numpy as np
from matplotlib import figure

from lec7 import report, signals


class Ended(Exception):
    """Carries the exit code of a package of lec7."""


def fail(code):
    error = Ended(f"ended with {code}")
    error.exit_code = code
    raise error


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    seeds: tuple[int, ...] = (0, 1)  # one training each
    batch_size: int = 64  # examples in an update
    rate: float = 0.1  # learning rate
    wait: float = 0.0  # seconds to spend in the second phase
    end: str = "well"  # how
    dataset: str = "digits"  # which it does not read

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; expected at least 1")


class Findings(NamedTuple):
    """What the fake has found."""

    effects: np.ndarray
    devices: int


def run(config, context):
    if config.end == "2":
        fail(2)
    trained = context.folder / "trained"
    with context.phase("train"):
        before = trained.read_text() if trained.exists() else ""
        trained.write_text(f"{before} trained".strip())
    with context.phase("measure"):
        (context.folder / "measuring").touch()
        deadline = time.monotonic() + config.wait
        while time.monotonic() < deadline and trained.read_text() == "trained":
            time.sleep(0.01)
            if config.end != "deaf":
                signals.check()
    if config.end == "bug":
        raise ZeroDivisionError("a bug of the fake")
    if config.end == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "metrics.jsonl")
    if config.end.isdigit():
        fail(int(config.end))
    effects = np.array([0.9, 1.1, 1.0]) + np.arange(3)[:, None]
    return Findings(effects, len(context.devices))


def analyse(config, found):
    say = report.Claims(source="this file", figure="fake")
    claims = [
        say.mean(f"c{i}", "The fake does as it is told.", "one", values, above=above)
        for i, (values, above) in enumerate(
            zip(found.effects, (-9, 2, -9), strict=True)
        )
    ]
    return report.Report(
        title="Fake",
        summary=f"On {found.devices} devices.",
        claims=claims,
        sections=[
            report.Section(
                "Figures",
                report.Curves(
                    "fake",
                    {"effect": (np.arange(3), found.effects[0])},
                    ("seed", "effect"),
                    caption="One.",
                ),
                report.Drawing("last", lambda: draw(config), {}, caption="Two."),
            )
        ],
    )


def draw(config):
    if config.end == "page" and not pathlib.Path("drawing").exists():
        pathlib.Path("drawing").touch()
        time.sleep(60)
    return figure.Figure()
