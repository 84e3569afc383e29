"""A Lanczos process that was killed goes on where it was, in the same bits."""

import functools
import os
import pathlib
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature, files
from lec7.curvature import operators, placement, resumption

RNG = np.random.default_rng(0)
EXAMPLES = RNG.normal(size=(120, 60)).astype(np.float32)
PARAMS = RNG.normal(size=60).astype(np.float32) / 8
KEY = jax.random.key(3)


def loss_fn(params, batch):
    return jnp.mean(jnp.cosh(batch @ params))


def other_loss(params, batch):
    return jnp.mean((batch @ params) ** 4)


class Streamed:
    def __init__(self, *cuts):
        self.cuts = cuts

    def __iter__(self):
        return iter(np.split(EXAMPLES, self.cuts))


def hessian(loss=loss_fn, params=PARAMS, cuts=(10, 20), stream=False):
    batches = Streamed(*cuts) if stream else np.split(EXAMPLES, cuts)
    return curvature.hessian(loss, params, batches)


PROCESSES = {
    "pairs": functools.partial(curvature.top_eigenpairs, k=3, key=KEY, tol=1e-5),
    "restarted": functools.partial(
        curvature.top_eigenpairs, k=2, key=KEY, tol=1e-7, max_matvecs=60
    ),
    "density": functools.partial(
        curvature.spectral_density, key=KEY, order=6, probes=3
    ),
}


@pytest.fixture(autouse=True)
def keep_always(monkeypatch):
    """Write after every product, and take two probes at a time."""
    monkeypatch.setattr(resumption, "SHARE", np.inf)
    monkeypatch.setattr(placement, "ROWS", 2)


@functools.cache
def whole(process):
    return jax.tree.map(np.asarray, PROCESSES[process](hessian()))


def killed_after(monkeypatch, saves):
    """Let the process end at one of its writes."""
    count, save = 0, resumption.Keeper.save

    def die(self, *given, **state):
        nonlocal count
        count += 1
        save(self, *given, **state)
        if count == saves:
            raise KeyboardInterrupt

    monkeypatch.setattr(resumption.Keeper, "save", die)


@pytest.mark.parametrize(
    ("process", "saves"),
    [
        ("pairs", 1),
        ("pairs", 9),
        ("pairs", 20),
        ("restarted", 30),
        ("density", 4),
        ("density", 9),
    ],
)
def test_what_was_killed_ends_in_the_same_bits(process, saves, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed_after(patch, saves)
        with pytest.raises(KeyboardInterrupt):
            PROCESSES[process](hessian(), folder=tmp_path / "kept")
    resumed = PROCESSES[process](hessian(), folder=tmp_path / "kept")
    jax.tree.map(np.testing.assert_array_equal, resumed, whole(process))


def test_no_product_is_made_again_but_one(tmp_path, monkeypatch):
    made, call = [], operators.Operator.__call__

    def counted(self, v):
        made.append(1)
        return call(self, v)

    monkeypatch.setattr(operators.Operator, "__call__", counted)
    monkeypatch.setattr(operators, "is_one_program", lambda op: False)
    with monkeypatch.context() as patch:
        killed_after(patch, 9)
        with pytest.raises(KeyboardInterrupt):
            PROCESSES["pairs"](hessian(), folder=tmp_path)
    assert len(made) == 8
    resumed = PROCESSES["pairs"](hessian(), folder=tmp_path)
    spent = sum(made)  # the check and the certificate are made row by row elsewhere
    assert spent == resumed.products - 3


CALL = """
import os, signal, sys
from tests.curvature import resumption_test as t
save, count = t.resumption.Keeper.save, 0
def die(self, *given, **state):
    global count
    save(self, *given, **state)
    count += 1
    if count == 6:
        os.kill(os.getpid(), signal.SIGKILL)
t.resumption.SHARE, t.resumption.Keeper.save = float("inf"), die
t.PROCESSES["pairs"](t.hessian(), folder=sys.argv[1])
"""


def test_a_kill_of_the_process_is_survived(tmp_path):
    root = pathlib.Path(__file__).parent.parent.parent
    ended = subprocess.run(
        [sys.executable, "-c", CALL, tmp_path], cwd=root, env=dict(os.environ)
    )
    assert ended.returncode == -signal.SIGKILL
    resumed = PROCESSES["pairs"](hessian(), folder=tmp_path)
    jax.tree.map(np.testing.assert_array_equal, resumed, whole("pairs"))


def begin(folder, monkeypatch, op, saves=5):
    with monkeypatch.context() as patch:
        killed_after(patch, saves)
        with pytest.raises(KeyboardInterrupt):
            curvature.top_eigenpairs(op, 1, key=KEY, tol=1e-6, folder=folder)


@pytest.mark.parametrize(
    ("other", "given", "told"),
    [
        ({"params": PARAMS[:20]}, {}, r"shapes of the parameters was \[\[60\]\] there"),
        ({"params": 2 * PARAMS}, {}, "digest of the parameters"),
        ({"loss": other_loss}, {}, "code of the loss was .*loss_fn.*is .*other_loss"),
        ({"cuts": (10,)}, {}, "number of batches was 3 there, and is 2 now"),
        (
            {},
            {"key": jax.random.key(4)},
            r"key was \[0, 3\] there, and is \[0, 4\] now",
        ),
        ({}, {"k": 2}, "k was 1 there, and is 2 now; give another folder"),
        ({}, {"which": "SA"}, "which was LA there"),
    ],
)
def test_a_folder_of_another_problem_is_refused(
    tmp_path, monkeypatch, other, given, told
):
    begin(tmp_path, monkeypatch, hessian())
    if "params" in other and len(other["params"]) < 60:
        op = curvature.hessian(
            loss_fn, other["params"], np.split(EXAMPLES[:, :20], (10, 20))
        )
    else:
        op = hessian(**other)
    given = {"k": 1, "key": KEY, "tol": 1e-6} | given
    with pytest.raises(files.DamagedError, match=told):
        curvature.top_eigenpairs(op, folder=tmp_path, **given)


def test_a_stream_of_another_number_of_batches_is_refused(tmp_path, monkeypatch):
    begin(tmp_path, monkeypatch, hessian(stream=True))
    with pytest.raises(files.DamagedError, match=r"\[3, 120\] there, .* \[2, 120\]"):
        op = hessian(stream=True, cuts=(10,))
        curvature.top_eigenpairs(op, 1, key=KEY, tol=1e-6, folder=tmp_path)


def test_code_that_has_changed_under_its_name_is_refused(tmp_path, monkeypatch):
    begin(tmp_path, monkeypatch, hessian())

    def changed(params, batch):
        return 2 * loss_fn(params, batch)

    monkeypatch.setattr(changed, "__qualname__", loss_fn.__qualname__)
    with pytest.raises(files.DamagedError, match=r"of which v\.Hv was"):
        op = hessian(changed)
        curvature.top_eigenpairs(op, 1, key=KEY, tol=1e-6, folder=tmp_path)


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    begin(tmp_path, monkeypatch, hessian())
    row = sorted(tmp_path.glob("*-*"))[0]
    row.write_bytes(row.read_bytes()[:-1])
    with pytest.raises(files.DamagedError, match="is damaged"):
        curvature.top_eigenpairs(hessian(), 1, key=KEY, tol=1e-6, folder=tmp_path)


def test_a_folder_holds_no_more_than_a_basis(tmp_path):
    PROCESSES["restarted"](hessian(), folder=tmp_path)
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) <= 1 + 2 * 2 + 21
    assert len({name.split("-")[0] for name in names}) == 2  # of one stage, and state


def test_nothing_is_written_more_often_than_it_pays(tmp_path, monkeypatch):
    monkeypatch.setattr(resumption, "SHARE", 1e-9)
    PROCESSES["restarted"](hessian(), folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"state", "0.0-0"}
