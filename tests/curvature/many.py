"""Curvature that several processes find together, and one process alone.

python -m tests.curvature.many INDEX PLACE PROCESSES FOLDER
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import curvature, hosts, landscape, sharpness

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(37, 6)).astype(np.float32)
LABELS = RNG.integers(3, size=37).astype(np.int32)
PARAMS = {
    "first": {"kernel": RNG.normal(size=(6, 5)).astype(np.float32)},
    "head": {"kernel": RNG.normal(size=(5, 3)).astype(np.float32)},
}
AXES = tuple(jax.tree.map(lambda x: RNG.normal(size=x.shape), PARAMS) for _ in "xy")
PLANE = {"alphas": np.linspace(-1, 1, 4), "betas": np.linspace(-1, 1, 3)}
CUTS = (12, 24, 36)
MEASURES = {
    name: sharpness.MEASURES[name]
    for name in ("sam_sharpness", "adaptive_average_case", "gradient_noise_scale")
}


class Streamed:
    """The same batches, made anew on every pass."""

    def __iter__(self):
        return zip(np.split(IMAGES, CUTS), np.split(LABELS, CUTS), strict=True)


BATCHES = {"four": list(Streamed()), "one": [(IMAGES, LABELS)], "stream": Streamed()}


OVER_HOSTS = ("one", "stream")


def loss_fn(params, batch):
    hidden = jnp.tanh(batch[0] @ params["first"]["kernel"])
    logits = jax.nn.log_softmax(hidden @ params["head"]["kernel"])
    return -jnp.take_along_axis(logits, batch[1][:, None], axis=1).mean()


def plane(case, devices, path):
    given = PLANE | {"devices": devices, "path": path}
    return landscape.slice_2d(loss_fn, PARAMS, *AXES, BATCHES[case], **given)


def measured(case, devices, path=None):
    """Return name -> array of all that is said of a network."""
    where, key = (loss_fn, PARAMS, BATCHES[case]), jax.random.key(0)
    op = curvature.hessian(*where, devices=devices)
    pairs = curvature.top_eigenpairs(op, 3, key=key, tol=1e-4)
    density = curvature.spectral_density(op, key=key, order=4, probes=2)
    card = sharpness.report_card(*where, key=key, measures=MEASURES, devices=devices)
    found = {
        "values": pairs.values,
        "trace": curvature.trace(op, key=key).mean,
        "gradient": curvature.gradient(*where, devices=devices)["head"]["kernel"],
        "density": density.values,
        "plane": plane(case, devices, path),
    }
    found |= {f"card {row.name}": row.value for row in card}
    return {f"{case} {name}": np.asarray(value) for name, value in found.items()}


def main(index, place, count, folder):
    jax.config.update("jax_num_cpu_devices", 1)
    here, folder = int(index), pathlib.Path(folder)
    with hosts.joined(coordinator=place, processes=int(count), index=here):
        found = {}
        for case in OVER_HOSTS:
            path = folder / f"host {here}" / f"{case}.slice"
            found |= measured(case, hosts.devices(), path)
            again = plane(case, hosts.devices(), path)  # from the first host's file
            assert (again == found[f"{case} plane"]).all()
        np.savez(folder / f"{here}.npz", **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
