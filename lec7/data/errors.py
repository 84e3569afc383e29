"""What ends a run when its data are missing, damaged or wrong."""

import pathlib


class DataError(Exception):
    """The data cannot be fetched, read or used; the message says what to do."""

    exit_code = 3


class UnknownDatasetError(ValueError):
    """No data set has this name; the message names the nearest one."""

    exit_code = 2


def damage(folder: pathlib.Path, reason: object) -> str:
    """Return the message that records cannot be read, and which folder to delete."""
    cause = " ".join(str(reason).split())
    return (
        f"The records in {folder} are damaged ({cause}): delete that folder and run "
        "again, and they are prepared anew"
    )
