"""A stream is never held whole, whatever is measured on it."""

import os
import pathlib
import subprocess
import sys

import pytest

CALL = """
import pathlib, resource, sys
import jax, jax.numpy as jnp, numpy as np
from lec7 import curvature, landscape, sharpness

CHUNK, COUNT = np.arange(250_000, dtype=np.float32).reshape(2500, 100) / 250_000, 200


class Stream:
    def __iter__(self):
        return (CHUNK + index / COUNT for index in range(COUNT))


def loss_fn(params, batch):
    return jnp.mean(jnp.cosh((batch @ params["kernel"]).sum(axis=1)))


PARAMS, KEY = {"kernel": jnp.ones((100, 1)) / 100}, jax.random.key(0)
small = [next(iter(Stream()))]
TAKEN = {
    "curvature": lambda batches: curvature.top_eigenpairs(
        curvature.hessian(loss_fn, PARAMS, batches), 1, key=KEY, tol=0.1
    ),
    "plane": lambda batches: landscape.slice_2d(
        loss_fn, PARAMS, PARAMS, PARAMS, batches, alphas=[0, 1], betas=[0, 1],
        path=pathlib.Path(sys.argv[2]) / f"{type(batches).__name__}.slice",
    ),
    "card": lambda batches: sharpness.report_card(
        loss_fn, PARAMS, batches, key=KEY,
        measures={
            name: sharpness.MEASURES[name]
            for name in ("sam_sharpness", "hessian_max", "fisher_rao")
        },
    ),
}[sys.argv[1]]
TAKEN(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
TAKEN(Stream())
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize("taken", ["curvature", "plane", "card"])
def test_two_hundred_megabytes_in_chunks_take_a_few(taken, tmp_path):
    root = pathlib.Path(__file__).parent.parent.parent
    ended = subprocess.run(
        [sys.executable, "-c", CALL, taken, tmp_path],
        cwd=root,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout) < 60  # MB; the stream is of 200
