"""Compiled programs kept from one process to the next, and trusted only when sealed.

JAX never rewrites an entry that it cannot read, and an entry with a flipped bit may
abort the process or, where the entry's compression has no checksum, compute other
numbers. So a run seals the cache when it ends, with the SHA-256 of every file, and the
next run first removes what is not sealed or has changed: those programs are compiled
anew. `JAX_COMPILATION_CACHE_DIR` names another cache, which is left to JAX alone.
"""

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Generator, Mapping
from typing import Any

from lec7.runs import json_file, provenance

SEAL_FILE = "seal.json"


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
        _remove_unsealed(folder)
    except (OSError, RuntimeError):  # no home, or one that may not be written
        yield
        return
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    previous = _configure(settings)
    try:
        yield
    finally:
        _configure(previous)
        with contextlib.suppress(OSError):
            json_file.write(folder / SEAL_FILE, _digests(folder))


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


def _remove_unsealed(folder: pathlib.Path) -> None:
    try:
        sealed = json_file.read(folder / SEAL_FILE)
    except ValueError:
        sealed = None
    sealed = sealed if isinstance(sealed, dict) else {}
    for name, digest in _digests(folder).items():
        if sealed.get(name) != digest:
            (folder / name).unlink(missing_ok=True)


def _digests(folder: pathlib.Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != SEAL_FILE
    }
