"""Where records lie on the disk, and how they come there.

Records are prepared once, by TFDS, in a folder of our own, since one folder cannot
hold a data set in two formats; ours is ArrayRecord, which needs no TensorFlow to be
read. Our own builders need nothing else. TFDS's own data sets need TensorFlow
and the network, once; both are looked for first, because TFDS would try again for
minutes before it gives up.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib.util
import io
import os
import pathlib
import shutil
import threading
import typing
from collections.abc import Generator

from lec7.data import builders, errors, records

if typing.TYPE_CHECKING:
    import tensorflow_datasets as tfds

FORMAT = "array_record"
DEBIAN = pathlib.Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist has its IDX files."""


def data_folder(data_dir: str | os.PathLike | None = None) -> pathlib.Path:
    """Return the folder of the records, which need not exist.

    It is the given one, or that of the environment variable `LEC7_DATA_DIR`, or
    `lec7/data` in the user's cache folder.
    """
    chosen = data_dir or os.environ.get("LEC7_DATA_DIR")
    if not chosen:  # an empty variable counts as none
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        chosen = pathlib.Path(cache, "lec7", "data")
    return pathlib.Path(chosen).expanduser()


def prepared(
    name: str, *, data_dir: str | os.PathLike | None = None, timeout: float = 5.0
) -> tfds.core.DatasetBuilder:
    """Return the builder of a data set whose records are on the disk.

    Records that are not there yet are prepared. Of several processes one prepares and
    the others wait for it.

    Args:
      name: as TFDS takes it.
      data_dir: as in `data_folder`.
      timeout: how long the server of a download may take to answer, seconds.

    Returns:
      A builder with splits and ArrayRecord files.

    Raises:
      DataError: if the records cannot be prepared, or are damaged.
      OSError: the disk is full, or the folder may not be written.
      UnknownDatasetError: if there is no such data set.
    """
    folder = data_folder(data_dir)
    builder = builders.find(name, folder)
    if records.is_mocked(builder):
        return builder
    if not builder.data_path.exists():
        with _exclusively(folder / f".{builder.name}.lock"):
            if not builder.data_path.exists():
                _remove_stale(builder.data_path)
                _prepare(builder, timeout)
        builder = builders.find(name, folder)
    if not builder.info.splits:
        message = errors.damage(builder.data_path, "dataset_info.json names no split")
        raise errors.DataError(message)
    if builder.info.file_format.value != FORMAT:
        raise errors.DataError(
            f"The records in {builder.data_path} have the format "
            f"{builder.info.file_format.value}; expected {FORMAT}: set LEC7_DATA_DIR "
            "to a folder that no other program fills"
        )
    with records.read_errors(builder):
        _require_lengths(builder)
    return builder


def _require_lengths(builder: tfds.core.DatasetBuilder) -> None:
    """Check that the records are as many as their description says.

    Raises:
      DataError: they are more or fewer.
      RuntimeError: a file cannot be read.
    """
    from array_record.python import array_record_module

    for split in builder.info.splits.values():
        for path, told in zip(split.filepaths, split.shard_lengths, strict=True):
            reader = array_record_module.ArrayRecordReader(str(path))
            held = reader.num_records()
            reader.close()
            if held != told:
                reason = (
                    f"{path.name} has {held} records; dataset_info.json says {told}"
                )
                raise errors.DataError(errors.damage(builder.data_path, reason))


@contextlib.contextmanager
def _exclusively(path: pathlib.Path) -> Generator[None, None, None]:
    """Hold a lock file, which the system releases when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prepare(builder: tfds.core.DatasetBuilder, timeout: float) -> None:
    if isinstance(builder, builders.own_builders()):
        chatter = io.StringIO()
        with contextlib.redirect_stdout(chatter), contextlib.redirect_stderr(chatter):
            try:
                builder.download_and_prepare(file_format=FORMAT)
            except Exception as error:  # as below
                _require_disk(builder.data_path, error)
                raise
        return
    if not tensorflow_installed():
        raise _unavailable(
            builder,
            "TFDS needs TensorFlow to prepare it: run `pip install tensorflow-cpu` "
            "once",
        )
    url = next(iter(builder.url_infos or ()), None)
    if url and not builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not answers(url, timeout):
        raise _unavailable(
            builder,
            f"{url} did not answer within {timeout:g} s: connect to the network",
        )
    try:
        builder.download_and_prepare(file_format=FORMAT)
    except Exception as error:  # of any class: TFDS and the builder document none
        _require_disk(builder.data_path, error)
        cause = " ".join(str(error).split())
        raise _unavailable(builder, f"TFDS could not prepare it: {cause}") from error


def _remove_stale(path: pathlib.Path) -> None:
    """Remove what killed processes have prepared in part; the lock is ours."""
    for stale in path.parent.glob(f"incomplete.??????_{path.name}"):
        shutil.rmtree(stale, ignore_errors=True)


def _require_disk(path: pathlib.Path, error: BaseException) -> None:
    """Raise the error of the disk that is behind another one, if one is.

    Raises:
      OSError: it is.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            raise OSError(
                cause.errno, cause.strerror, cause.filename or str(path)
            ) from error
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
            if os.strerror(number) in str(cause):  # ArrayRecord has only the words
                raise OSError(number, os.strerror(number), str(path)) from error
        cause = cause.__cause__ or cause.__context__


def tensorflow_installed() -> bool:
    """Return whether TensorFlow can be imported, without importing it."""
    return importlib.util.find_spec("tensorflow") is not None


def answers(url: str, timeout: float) -> bool:
    """Return whether a server answers in time, be it with an error."""
    import requests

    responses = []

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            responses.append(requests.head(url, timeout=timeout))

    # A thread, because the look-up of a name has no time-out of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    return bool(responses)


def _unavailable(builder: tfds.core.DatasetBuilder, reason: str) -> errors.DataError:
    folder = builder.data_path.parent
    if builder.name == "fashion_mnist":
        reason += (
            "; or install Debian's package dataset-fashion-mnist; or put its IDX "
            f"files, train-images-idx3-ubyte.gz and so on, in {folder}"
        )
    return errors.DataError(
        f"The data set {builder.name!r} is not in {builder.data_path}. {reason}; or "
        f"copy there what another machine prepared in the format {FORMAT}; or use "
        "'digits', 'glyphs', 'mnist1d' or 'mnist5k', which need no network"
    )
