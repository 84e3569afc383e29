"""How a run ends: the exit codes, and the errors that a command line can cause.

An exception that carries an `exit_code` ends the run with that code and one message.
Here are 2 usage, 7 folder in use and 143 terminated; data (3), checkpoint (4) and
diverged (5) are raised by the packages that meet them.
"""

import difflib
import errno
from collections.abc import Mapping

BUG = 1
USAGE = 2
DISK = 6
INTERRUPTED = 130
TERMINATED = 143

_DISK_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EEXIST,
        errno.EFBIG,
        errno.EIO,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


class UsageError(Exception):
    """The command line asks for something that does not exist or cannot be."""

    exit_code = USAGE


class FolderInUseError(Exception):
    """Another process is at work in the run's folder."""

    exit_code = 7


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; like a Ctrl-C, it is no `Exception` that code may swallow."""

    exit_code = TERMINATED


def exit_code(error: BaseException) -> int:
    """Return the exit code of a run that ends with `error`; 1 means a bug.

    Example:
      >>> exit_code(UsageError("no such field")), exit_code(ZeroDivisionError())
      (2, 1)
      >>> exit_code(OSError(errno.ENOSPC, "No space left on device"))
      6
    """
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return code
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return DISK
    return BUG


def did_you_mean(word: str, forms: Mapping[str, str]) -> str:
    """Return the end of a message about a wrong word: its nearest match, if any.

    Args:
      word: as it was given.
      forms: each word that may have been meant -> how to write it.

    Returns:
      The text, empty where nothing is near.

    Example:
      >>> did_you_mean("batch_sise", {"batch_size": "--config.batch_size"})
      '; did you mean --config.batch_size?'
      >>> did_you_mean("zebra", {"batch_size": "--config.batch_size"})
      ''
    """
    nearest = difflib.get_close_matches(word, forms, n=1, cutoff=0.5)
    return f"; did you mean {forms[nearest[0]]}?" if nearest else ""
