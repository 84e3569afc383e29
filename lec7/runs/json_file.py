"""JSON files that are whole or absent, whenever the process is killed."""

import json
import os
import pathlib
from typing import Any


def read(path: pathlib.Path) -> Any | None:
    """Return what a JSON file holds, or None when there is no such file.

    Raises:
      ValueError: the file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write(path: pathlib.Path, value: Any) -> None:
    """Replace a JSON file in one step.

    Raises:
      OSError: the disk is full, or the folder may not be written.
    """
    replace(path, f"{json.dumps(value, allow_nan=False, indent=2)}\n".encode())


def replace(path: pathlib.Path, content: bytes) -> pathlib.Path:
    """Replace a file in one step, and return its path."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path
