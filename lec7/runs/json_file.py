"""JSON files that are whole or absent, whenever the process is killed."""

import json
import pathlib
from typing import Any

from lec7 import files


def read(path: pathlib.Path) -> Any | None:
    """Return what a JSON file holds, or None when there is no such file.

    Raises:
      ValueError: the file is not JSON, or nested too deeply.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deeply") from error


def write(path: pathlib.Path, value: Any) -> None:
    """Replace a JSON file in one step.

    Raises:
      OSError: the disk is full, or the folder may not be written.
    """
    files.write(path, f"{json.dumps(value, allow_nan=False, indent=2)}\n".encode())
