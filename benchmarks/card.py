"""The report card of a residual network, planned, and taken with what memory there is.

Run: python -m benchmarks.card --size=224 --batch=8 --examples=1024       the plan
     python -m benchmarks.card --network=resnet18 --size=32 --batch=16 --examples=16 \
       --take                                                              and the card

The images are noise, made anew on every pass, as none of a plan's numbers depends on
them; the network is at its initial weights. The plan compiles a gradient and a product
with the Hessian, and times the gradient. With `--take` few probes are spent, and what
does not fit into memory is a row that says so: cap it by `ulimit -v`.
"""

import argparse
import functools
import resource
import time
from collections.abc import Iterator

import jax
import numpy as np

from lec7 import losses, models, sharpness


class Images:
    """Batches of noise that are made anew on every pass."""

    def __init__(self, size: int, batch: int, examples: int):
        """Make nothing yet."""
        self._shape, self._count = (batch, size, size, 3), examples // batch

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Walk the same batches once more."""
        rng = np.random.default_rng(0)
        for _ in range(self._count):
            images = rng.normal(size=self._shape).astype(np.float32)
            yield images, rng.integers(1000, size=len(images)).astype(np.int32)


def network(name: str, size: int) -> tuple[jax.tree_util.Partial, dict]:
    """Return the loss of a network, with its statistics bound, and parameters."""
    model = models.make(name, num_classes=1000)
    image = np.zeros((1, size, size, 3), np.float32)
    start = jax.jit(functools.partial(model.init, train=False))
    variables = start(jax.random.key(0), image)

    def loss_fn(statistics, params, batch):
        logits = model.apply({"params": params, **statistics}, batch[0], train=False)
        return losses.cross_entropy(logits, batch[1]).mean()

    params = variables.pop("params")
    return jax.tree_util.Partial(loss_fn, variables), params


def few() -> dict:
    """Return the measures of a card with few probes and steps."""
    sparing = {
        "hessian_max": {"max_matvecs": 8, "tol": 0.1},
        "hessian_trace": {"probes": 6},
        "frobenius": {"probes": 6},
        "relative_flatness": {"probes": 4},
        "pac_bayes_sigma": {"draws": 2},
        "adaptive_worst_case": {"steps": 3},
        "adaptive_worst_case_linf": {"steps": 3},
        **dict.fromkeys(
            ("average_case", "adaptive_average_case", "local_entropy", "low_pass"),
            {"draws": 3},
        ),
    }
    return {
        name: functools.partial(take, **sparing.get(name, {}))
        for name, take in sharpness.MEASURES.items()
    }


def main() -> None:
    """Print the plan, and the card if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in (("size", 224), ("batch", 8), ("examples", 1024)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--take", action="store_true")
    given = parser.parse_args()
    loss, params = network(given.network, given.size)
    where = (loss, params, Images(given.size, given.batch, given.examples))
    measures = few() if given.take else None
    start = time.monotonic()
    plan = sharpness.plan_card(*where, measures=measures, timed=True)
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    print(f"{count:,} parameters; planned in {time.monotonic() - start:.0f} s\n{plan}")
    if given.take:
        start = time.monotonic()
        print(sharpness.report_card(*where, key=jax.random.key(0), measures=measures))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"taken in {time.monotonic() - start:.0f} s; at most {peak:.1f} GB held")


if __name__ == "__main__":
    main()
