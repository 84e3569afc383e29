"""A Lanczos process on the disk, from which a killed one goes on in the same bits.

A folder holds a file for each vector of the basis, which is written once, and `state`,
which is replaced when they are whole: the coefficients, and which files belong to them.
A product is longer than a write where it is worth keeping; elsewhere writes wait until
they take a twentieth of the time.
"""

import hashlib
import io
import json
import pathlib
import re
import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import files, hosts, signals
from lec7.curvature import operators, placement

SHARE = 0.05  # of the time that writing may take
_STATE = "state"


class Keeper:
    """What is kept of one process, and what a folder had of it."""

    def __init__(
        self,
        folder: pathlib.Path | None,
        op: operators.Operator,
        settings: Mapping[str, Any],
    ):
        """Read a folder.

        Args:
          folder: where it is kept; None keeps nothing.
          op: what is multiplied.
          settings: on which the process depends too.

        Raises:
          DamagedError: the folder holds another process, or is damaged; a ValueError.
        """
        self._folder = None if folder is None else pathlib.Path(folder)
        self._shared = operators.is_shared(op)
        self._op, self._stage, self._written, self._due = op, "", 0, 0.0
        self.found: dict[str, np.ndarray] | None = None
        if self._folder is not None:
            self._problem = _problem(op, settings)
            self.found = self._from_first(self._read)
        if self.found is not None:
            self._stage, self._written = (
                str(self.found["stage"]),
                int(self.found["rows"]),
            )

    def rows(self) -> np.ndarray:
        """Return the vectors that were found, [rows, ...]."""
        names = [f"{self._stage}-{row}" for row in range(self._written)]
        read = [self._from_first(lambda n=name: self._read_row(n)) for name in names]
        return np.stack(read)

    def check(self, vectors: jax.Array, expected: np.ndarray) -> None:
        """Multiply vectors, whose quadratic forms are known, to know the problem again.

        Raises:
          DamagedError: the forms are others, or the numbers of batches.
        """
        found = np.asarray(
            jnp.sum(vectors * operators.products(self._op, vectors), axis=1), np.float64
        )
        then, now = self.found["batches"], _counts(self._op)
        if then.all() and (then != now).any():
            self._refuse("number of batches and examples", then.tolist(), now.tolist())
        rounding = float(jnp.finfo(vectors.dtype).eps) ** 0.5
        if not np.allclose(found, expected, rounding, rounding * abs(expected).max()):
            self._refuse("loss or its examples, of which v.Hv", expected, found)

    def save(self, stage: str, basis: jax.Array, rows: int, **state: Any) -> None:
        """Keep the first rows of a basis [..., R, P], and what belongs to them.

        Args:
          stage: of the process; rows of one stage do not change.
          basis: the vectors.
          rows: number of them that are known.
          **state: arrays.
        """
        start = time.monotonic()
        if self._folder is None or start < self._due:
            return
        signals.check()
        if self._shared and not hosts.is_first():
            return
        old, first = self._stage, self._written if stage == self._stage else 0
        for row in range(first, rows):
            _write(self._folder / f"{stage}-{row}", {"row": basis[..., row, :]})
        state |= {"stage": stage, "rows": rows, "batches": _counts(self._op)}
        _write(self._folder / _STATE, {"problem": json.dumps(self._problem), **state})
        self._stage, self._written = stage, rows
        if old != stage:
            self._remove_others()
        now = time.monotonic()
        self._due = now + (now - start) / SHARE

    def _from_first(self, make: Any) -> Any:
        return hosts.from_first(make) if self._shared else make()

    def _read(self) -> dict[str, np.ndarray] | None:
        if not (self._folder / _STATE).exists():
            return None
        found = _arrays(self._folder / _STATE)
        then = json.loads(str(found.get("problem", "{}")))
        for name in [*self._problem, *then]:
            if then.get(name) != self._problem.get(name):
                self._refuse(name, then.get(name), self._problem.get(name))
        return found

    def _read_row(self, name: str) -> np.ndarray:
        return _arrays(self._folder / name)["row"]

    def _remove_others(self) -> None:
        """Remove the vectors of stages that are over."""
        for path in self._folder.glob("*-*"):
            if not path.name.startswith(f"{self._stage}-"):
                path.unlink()

    def _refuse(self, name: str, then: Any, now: Any) -> None:
        raise files.DamagedError(
            f"{self._folder} holds the work on another problem: the {name} was {then} "
            f"there, and is {now} now; give another folder, or delete it"
        )


def _problem(op: operators.Operator, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a process depends on, under the names of messages."""
    leaves = jax.tree.leaves(op.params)
    problem = {
        "shapes of the parameters": str([list(leaf.shape) for leaf in leaves]),
        "dtype": str(operators.flat_dtype(op.params)),
        "digest of the parameters": _digest(op.params),
        "code of the loss": _code(op.product),
        "digest of what is bound to the loss": _digest(op.product),
    }
    if isinstance(op.batches, tuple):
        problem["number of batches"] = len(op.batches)
        if not placement.is_shared(op.batches):
            problem["digest of the examples"] = _digest(op.batches)
    told = {name: _told(value) for name, value in settings.items()}
    return json.loads(json.dumps(problem | told))


def _told(value: Any) -> Any:
    """Return a setting for JSON: a key as its numbers, trees as their digest."""
    if isinstance(value, tuple):
        return _digest(value)
    if isinstance(value, jax.Array):
        is_key = jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
        return jax.random.key_data(value).tolist() if is_key else value.tolist()
    return value


def _code(product: Any) -> str:
    """Return the names of the functions in a product, without their addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(jax.tree.structure(product)))


def _digest(tree: Any) -> str:
    """Return the SHA-256 of the values of a tree, shortened."""
    total = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        is_key = jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key)
        values = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
        total.update(f"{values.dtype} {values.shape} ".encode())
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()[:16]


def _counts(op: operators.Operator) -> np.ndarray:
    """Return the numbers of batches and examples of a stream, zeros before a pass."""
    sizes = getattr(op.batches, "sizes", ())
    return np.array([len(sizes), sum(sizes)])


def _write(path: pathlib.Path, arrays: Mapping[str, Any]) -> None:
    file = io.BytesIO()
    np.savez(file, **{name: np.asarray(value) for name, value in arrays.items()})
    files.write_sealed(path, file.getvalue())


def _arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    content = io.BytesIO(files.read_sealed(path, "part of a Lanczos process"))
    with np.load(content, allow_pickle=False) as file:
        return dict(file)
