"""Trainings: `train.train` as it is used, against torch's eager mode and stock Flax.

All networks start from the same variables, and every update takes the same batch. What
`train.train` does beside its updates is timed with them: drawing batches, checking that
losses are finite, writing metrics.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import optax
from flax import linen as nn

from benchmarks import case
from lec7 import data, models, train, update_rules

RATE = 0.05
Examples = tuple[np.ndarray, np.ndarray]


class Training:
    """A training by `train.train` that waits after each of its dispatches."""

    def __init__(self, model: nn.Module, rule: Any, examples: Examples, **options: Any):
        """Begin; `options` are those of `train.train`, `evaluate_every` among them."""
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._error: BaseException | None = None
        self._ended = False
        run = functools.partial(
            train.train,
            model,
            rule,
            {"train": examples},
            steps=10**6 * options["evaluate_every"],
            checkpoint_every=10**6,
            watch=(),
            progress=self._wait,
            **options,
        )
        self._thread = threading.Thread(target=self._run, args=(run,), daemon=True)
        self._thread.start()

    def __call__(self) -> int:
        """Make the updates of a dispatch; return how many there have been."""
        self._go.release()
        self._done.acquire()
        if self._error is not None:
            raise self._error
        return self._steps

    def close(self) -> None:
        """Leave the training."""
        self._ended = True
        self._go.release()
        self._thread.join()

    def _run(self, run: Callable[[], Any]) -> None:
        self._go.acquire()
        try:
            run()
        except BaseException as error:
            self._error = error
            self._done.release()

    def _wait(self, steps: int, **measured: float) -> None:
        del measured
        self._steps = steps
        self._done.release()
        self._go.acquire()
        if self._ended:
            raise SystemExit


class Work:
    """Networks, examples and batches that are the same for all."""

    def __init__(
        self,
        model: nn.Module,
        examples: Examples,
        *,
        batch_size: int,
        updates: int,
        members: int = 1,
        adam: bool = False,
    ):
        """Draw the networks; `updates` of each are timed together."""
        self.model, self.examples, self.updates = model, examples, updates
        self.adam, self.options = adam, {"batch_size": batch_size}
        self.options["seeds"] = tuple(range(members))

    def initialise(self, key: jax.Array) -> Mapping[str, Any]:
        """Return the variables of a network."""
        return models.initialise(self.model, key, self.examples[0].shape[1:])

    def variables(self) -> list[dict[str, Any]]:
        """Return those of every member before the first update."""
        population = train.initial_population(
            self.initialise, optax.identity(), self.options["seeds"]
        )
        return [
            jax.tree.map(lambda leaf, i=i: leaf[i], population.variables)
            for i in range(len(self.options["seeds"]))
        ]

    def batches(self, start: int, count: int) -> np.ndarray:
        """Return the examples of `train.train`'s batches, [M, T, B]."""
        size = len(self.examples[1])
        draw = functools.partial(
            data.batch_indices, batch_size=self.options["batch_size"], num_examples=size
        )
        return np.stack([draw(seed, start, count) for seed in self.options["seeds"]])

    def ours(self, stack: contextlib.ExitStack) -> Callable[[], Any]:
        """Return a call of `train.train`."""
        rules = update_rules
        rule = rules.adam(1e-2) if self.adam else rules.momentum(RATE, decay=0.9)
        options = self.options | {"evaluate_every": self.updates}
        training = Training(
            self.model, rule, self.examples, initialise=self.initialise, **options
        )
        stack.callback(training.close)
        return training

    def torch(self, network: Callable[[Mapping[str, Any]], Any]) -> Callable[[], Any]:
        """Return a call of torch's eager mode, having compared losses.

        Args:
          network: parameters -> module.
        """
        from torch import optim

        from benchmarks.peers import pytorch

        make_rule = functools.partial(optim.SGD, lr=RATE, momentum=0.9)
        if self.adam:
            make_rule = functools.partial(optim.Adam, lr=1e-2)
        variables = self.variables()
        networks = [network(member["params"]) for member in variables]
        x, labels = (part[:64] for part in self.examples)
        logits = self.model.apply(variables[0], x, train=True, mutable=["batch_stats"])[
            0
        ]
        theirs = networks[0](pytorch.inputs(x)).detach().numpy()
        np.testing.assert_allclose(logits, theirs, rtol=1e-3, atol=1e-4)
        return pytorch.training(
            networks, make_rule, self.examples, self.batches, self.updates
        )

    def flax(self, model: nn.Module) -> Callable[[], Any]:
        """Return a call of Flax's own layers under jit, having compared logits."""
        from benchmarks.peers import flax

        variables, x = self.variables(), self.examples[0][:64]
        ours, theirs = (
            kind.apply(variables[0], x, train=True, mutable=["batch_stats"])[0]
            for kind in (self.model, model)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
        rule = optax.sgd(RATE, momentum=0.9)
        return flax.training(
            model, variables, rule, self.examples, self.batches, self.updates
        )


def noise(count: int, *shape: int) -> Examples:
    """Return random inputs and labels of ten classes."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(count, *shape)).astype(np.float32)
    return inputs, rng.integers(10, size=count).astype(np.int32)


def digits_mlp(stack: contextlib.ExitStack, members: int = 1) -> case.Case:
    """MLPs of the README's first command."""
    from benchmarks.peers import pytorch

    examples = data.standardise(data.load("digits")).train
    updates = 400 // members
    work = Work(
        models.MLP(10), examples, batch_size=32, updates=updates, members=members
    )
    runs = {case.OURS: work.ours(stack), "torch eager": work.torch(pytorch.mlp)}
    return case.Case(runs, updates)


def large_mlp(stack: contextlib.ExitStack) -> case.Case:
    """784-512-512-10."""
    from benchmarks.peers import pytorch

    model = models.MLP(10, widths=(512, 512))
    work = Work(model, noise(2048, 784), batch_size=128, updates=100)
    runs = {case.OURS: work.ours(stack), "torch eager": work.torch(pytorch.mlp)}
    return case.Case(runs, work.updates)


def convnets(stack: contextlib.ExitStack, members: int = 1) -> case.Case:
    """`models.ConvNet` with BatchNorm on images of 28x28 pixels."""
    from benchmarks.peers import flax, pytorch

    work = Work(
        models.ConvNet(10),
        noise(1024, 28, 28, 1),
        batch_size=128,
        updates=20 // members,
        members=members,
    )
    runs = {
        case.OURS: work.ours(stack),
        "torch eager": work.torch(functools.partial(pytorch.convnet, side=28)),
        "stock Flax": work.flax(flax.ConvNet(10)),
    }
    return case.Case(runs, work.updates)


def resnet20(stack: contextlib.ExitStack) -> case.Case:
    """ResNet-20 on images of 32x32 pixels."""
    from benchmarks.peers import flax, pytorch

    model = models.resnet20(10)
    work = Work(model, noise(512, 32, 32, 3), batch_size=128, updates=2)
    runs = {
        case.OURS: work.ours(stack),
        "torch eager": work.torch(pytorch.resnet20),
        "stock Flax": work.flax(flax.ResNet20(10)),
    }
    return case.Case(runs, work.updates)


class Mnist1D(nn.Module):
    """The CNN of Greydanus and Kobak 2024, arXiv:2011.14439, as a user writes it."""

    channels: Sequence[int] = (25, 25, 25)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Return the logits of signals [B, 40, 1]."""
        del train
        for channels, window in zip(self.channels, (5, 3, 3), strict=True):
            x = nn.Conv(channels, (window,), strides=(2,), padding=1)(x)
            x = nn.relu(x)
        return nn.Dense(10, name="head")(x.reshape(len(x), -1))


def mnist1d(stack: contextlib.ExitStack) -> case.Case:
    """Five small CNNs of a user's own, by Adam."""
    import torch

    from benchmarks.peers import pytorch

    def network(params):
        layers = []
        for i in range(3):
            layers += [pytorch.conv(params[f"Conv_{i}"], stride=2), torch.nn.ReLU()]
        head = pytorch.dense(params["head"], (5, 25))
        return torch.nn.Sequential(*layers, torch.nn.Flatten(), head)

    work = Work(
        Mnist1D(), noise(4000, 40, 1), batch_size=100, updates=50, members=5, adam=True
    )
    runs = {case.OURS: work.ours(stack), "torch eager": work.torch(network)}
    return case.Case(runs, work.updates)
