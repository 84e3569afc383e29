"""How a run ends: the exit codes, and the errors that a command line can cause.

An exception that carries an `exit_code` ends the run with that code and one message.
Here are 2 usage, also of more memory than there is, and 7 folder in use; data (3),
checkpoint (4), diverged (5) and signals (130, 143) are raised where they are met.
"""

import difflib
import errno
from collections.abc import Mapping

BUG = 1
USAGE = 2
DISK = 6
INTERRUPTED = 130
PIPE_CLOSED = 141
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
    # jaxlib has no class of its own for it.
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)[:99]:
        return USAGE
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
