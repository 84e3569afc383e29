"""The metrics of a training as TensorBoard events, written as they come.

tensorboardX has the format; its writers are not used, as they hand every number to a
thread through a queue of processes, which takes longer and needs `/dev/shm`.
"""

import pathlib
import platform
import struct
import time
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

Rows = Iterable[Mapping[str, Any]]


class EventsLog:
    """One event for every update: the mean of each metric over members that have it.

    Where events cannot be written, which no result depends on, a warning says so, once.
    """

    def __init__(self, folder: pathlib.Path):
        """Write in `folder`, which holds the events of one training."""
        self._folder = folder
        self._path: pathlib.Path | None = None
        self._failed = False

    def append(self, rows: Rows, earlier: Rows) -> None:
        """Add the rows of some updates.

        Args:
          rows: `step`, and name -> a number or None for each member.
          earlier: all rows before them; with the first rows of this process, what the
            folder held is replaced by these, so that each is there once.
        """
        if self._failed:
            return
        try:
            if self._path is None:
                self._path = self._begin(earlier)
            self._write(rows)
        except Exception as error:  # of any class: tensorboardX documents none
            self._failed = True
            warnings.warn(
                f"no events for TensorBoard in {self._folder}: {error}", stacklevel=4
            )

    def _begin(self, earlier: Rows) -> pathlib.Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob("events.out.tfevents.*"):
            path.unlink()
        name = f"events.out.tfevents.{time.time():.0f}.{platform.node()}"
        self._path = self._folder / name
        self._path.write_bytes(_record(file_version="brain.Event:2"))
        self._write(earlier)
        return self._path

    def _write(self, rows: Rows) -> None:
        with self._path.open("ab") as file:
            for row in rows:
                means = {
                    name: sum(known) / len(known)
                    for name, values in row.items()
                    if name not in ("training", "step")
                    and (known := [v for v in values if v is not None])
                }
                if means:
                    value = [
                        {"tag": name, "simple_value": mean}
                        for name, mean in means.items()
                    ]
                    file.write(_record(step=row["step"] + 1, summary={"value": value}))


def _record(**event: Any) -> bytes:
    """Return an event as TensorFlow's record: length, checksum, data, checksum."""
    # They take half a second to import.
    from tensorboardX.proto import event_pb2
    from tensorboardX.record_writer import masked_crc32c

    data = event_pb2.Event(wall_time=time.time(), **event).SerializeToString()
    length = struct.pack("<Q", len(data))
    sums = (struct.pack("<I", masked_crc32c(part)) for part in (length, data))
    return length + next(sums) + data + next(sums)
