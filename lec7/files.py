"""Files and folders that are whole or absent, and names that stay where they belong."""

import contextlib
import hashlib
import os
import pathlib
import re
from collections.abc import Generator, Iterable, Mapping

_SEAL = hashlib.sha256().digest_size  # bytes
_PLAIN = re.compile(r"\w[\w .,=+-]{0,99}")


class DamagedError(ValueError):
    """A file of a run is not what was written."""

    exit_code = 4


class NotOursError(OSError):
    """Something stands where lec7 writes that lec7 did not write."""

    exit_code = 6


def require_name(name: str, what: str = "name") -> str:
    """Return a name that is one plain component of a path.

    Raises:
      ValueError: it could lead to another folder, or be hidden or reserved.
    """
    if not _PLAIN.fullmatch(name) or name != name.strip(" ."):
        raise ValueError(
            f"{what} is {name!r}; expected one plain name of at most 100 letters, "
            "digits, spaces and . , _ = + -, which begins with a letter or a digit"
        )
    return name


def write(path: pathlib.Path, content: bytes) -> None:
    """Write a file so that a reader, or a kill, meets the old one or the new one.

    Its folder is made where it is missing.

    Raises:
      OSError: the disk is full, or the folder may not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    try:
        _write(partial, content)
        partial.replace(path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_sealed(path: pathlib.Path, payload: bytes) -> None:
    """Write a file, as `write` does, that begins with the SHA-256 of what follows.

    Raises:
      OSError: the disk is full, or the folder may not be written.
    """
    write(path, hashlib.sha256(payload).digest() + payload)


def read_sealed(path: pathlib.Path, what: str) -> bytes:
    """Return what `write_sealed` has written.

    Args:
      path: of the file.
      what: it is, for the message.

    Raises:
      DamagedError: it is not as it was written.
    """
    content = path.read_bytes() if path.is_file() else b""
    payload = content[_SEAL:]
    if content[:_SEAL] != hashlib.sha256(payload).digest():
        raise DamagedError(
            f"{path} is damaged, or no {what}: delete it, and the {what} starts anew"
        )
    return payload


def write_folder(folder: pathlib.Path, content: Mapping[str, bytes]) -> None:
    """Write a folder of files in the place of one of the same files, if there is one.

    It is written beside its place and renamed when it is whole. Whatever the moment of
    a kill, `recover` then finds the old one or the new one.

    Raises:
      OSError: the disk is full, or the folder may not be written.
      NotOursError: one in its place holds other files; it is left as it is.
    """
    recover(folder)
    unfinished, replaced = _beside(folder, "unfinished"), _beside(folder, "replaced")
    require_ours(folder, content)
    for leftover in (unfinished, replaced):
        remove_folder(leftover, content)
    unfinished.mkdir(parents=True)
    for name, payload in content.items():
        _write(unfinished / name, payload)
    _sync(unfinished)
    if folder.exists():
        folder.rename(replaced)
    unfinished.rename(folder)
    _sync(folder.parent)
    remove_folder(replaced, content)


def recover(folder: pathlib.Path) -> None:
    """Put a folder back that `write_folder` was killed while replacing."""
    replaced = _beside(folder, "replaced")
    if replaced.is_dir() and not folder.exists():
        replaced.rename(folder)


def remove_folder(folder: pathlib.Path, names: Iterable[str]) -> None:
    """Remove a folder, if there is one, of some of the named files and nothing else.

    Raises:
      NotOursError: it is a link or a file, or holds something else; nothing was
        removed.
    """
    names = set(names)
    require_ours(folder, names)
    if folder.exists():
        for name in names:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def require_ours(folder: pathlib.Path, names: Iterable[str]) -> None:
    """Refuse what is neither absent nor a folder of some of the named files.

    Raises:
      NotOursError: it is something else.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise NotOursError(f"{folder} is not a folder; it is left as it is")
    for path in sorted(folder.iterdir()):
        if path.name not in names or (path.is_dir() and not path.is_symlink()):
            raise NotOursError(
                f"{folder} holds {path.name!r}, which lec7 did not write; it is left "
                "as it is: move it elsewhere"
            )


def _beside(folder: pathlib.Path, suffix: str) -> pathlib.Path:
    return folder.with_name(f".{folder.name}.{suffix}")


@contextlib.contextmanager
def naming(path: pathlib.Path, size: int) -> Generator[None, None, None]:
    """Let the error of a write say which file it was, and how much it needs.

    Raises:
      OSError: the one that has no name yet, with it.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        needs = f"{error.strerror}, for {size:,} bytes more"
        raise OSError(error.errno, needs, str(path)) from error


def _write(path: pathlib.Path, content: bytes) -> None:
    with naming(path, len(content)), path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
