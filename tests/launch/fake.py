"""Does the fake do as it is told?

Run: python launch.py --experiment=fake
Expected: that it does, in 1-2 minutes.
Source: this file.
Data: none.
"""

import dataclasses
import errno
import os
import time

from lec7 import report


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

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; expected at least 1")


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
    if config.end == "bug":
        raise ZeroDivisionError("a bug of the fake")
    if config.end == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "metrics.jsonl")
    if config.end.isdigit():
        fail(int(config.end))
    claims = [
        report.Claim(
            id=f"c{i}",
            statement="The fake does as it is told.",
            source="this file",
            verdict=verdict,
            effect=1.0,
            interval=(0.5, 1.5),
            unit="one",
            seeds=len(config.seeds),
        )
        for i, verdict in enumerate(["supported", "inconclusive", "supported"])
    ]
    return report.Report(
        title="Fake",
        question="Does it?",
        summary=f"On {len(context.devices)} devices.",
        claims=claims,
        sections=[],
    )
