"""Compiled programs kept from one process to the next, and trusted only when sealed.

JAX never rewrites an entry that it cannot read, and an entry with a flipped bit may
abort the process or, where the entry's compression has no checksum, compute other
numbers. So a run seals every entry as it arrives, with a line that has its SHA-256, and
the next run first removes what is not sealed or has changed: those programs are
compiled anew. `JAX_COMPILATION_CACHE_DIR` names another cache, left to JAX alone.
"""

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Generator, Mapping
from typing import Any

from lec7.runs import provenance

SEAL_FILE = "seal.txt"
_COMPILED = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def cached_compilation(
    folder: pathlib.Path | None = None,
) -> Generator[None, None, None]:
    """Read compiled programs from a folder, and add those that are missing.

    Args:
      folder: holds the cache and nothing else; by default one for each version of JAX
        and each kind of processor, in the user's cache folder.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        yield
        return
    try:
        folder = folder or _user_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        seal = _Seal(folder)
    except (OSError, RuntimeError):  # no home, or one that may not be written
        yield
        return
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    import jax

    previous = _configure(settings)
    jax.monitoring.register_event_duration_secs_listener(seal.compiled)
    try:
        yield
    finally:
        jax.monitoring.unregister_event_duration_listener(seal.compiled)
        _configure(previous)


def _user_folder() -> pathlib.Path:
    import jax

    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    kind = "".join(provenance.processor().values())
    digest = hashlib.sha256(kind.encode()).hexdigest()[:8]
    return pathlib.Path(home) / "lec7" / f"jax-{jax.__version__}-{digest}"


def _configure(settings: Mapping[str, Any]) -> dict[str, Any]:
    import jax
    from jax.experimental.compilation_cache import compilation_cache as cache

    previous = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    cache.reset_cache()
    return previous


class _Seal:
    """The SHA-256 of every entry; the last line of a name holds."""

    def __init__(self, folder: pathlib.Path):
        """Remove what is not sealed or has changed."""
        self._folder = folder
        try:
            text = (folder / SEAL_FILE).read_text(errors="replace")
        except OSError:
            text = ""
        rows = (line.split(" ", 1) for line in text.splitlines() if " " in line)
        sealed = {name: digest for digest, name in rows}
        self._known = set()
        for name in self._entries():
            if sealed.get(name) == self._digest(name):
                self._known.add(name)
            else:
                (folder / name).unlink(missing_ok=True)

    def compiled(self, event: str, seconds: float, **about: Any) -> None:
        """Seal what has come since, when JAX has compiled a program and written it."""
        del seconds, about
        if event != _COMPILED:
            return
        with contextlib.suppress(OSError):
            new = self._entries() - self._known
            lines = [f"{self._digest(name)} {name}\n" for name in new]
            with (self._folder / SEAL_FILE).open("a") as file:
                file.write("".join(lines))
            self._known |= new

    def _entries(self) -> set[str]:
        with os.scandir(self._folder) as entries:
            return {e.name for e in entries if e.is_file() and e.name != SEAL_FILE}

    def _digest(self, name: str) -> str:
        return hashlib.sha256((self._folder / name).read_bytes()).hexdigest()
