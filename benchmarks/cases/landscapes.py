"""Products with the Hessian, and planes, of networks on all training digits."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from benchmarks import case
from lec7 import curvature, data, landscape, losses, models

BATCH, SIDE, PRODUCTS = 128, 51, 5
NETWORKS = {
    "mlp": models.MLP(10),
    "convnet": models.ConvNet(10, batch_norm=False),
}


class Problem:
    """A network, its loss and the digits in batches, for JAX and for torch."""

    def __init__(self, name: str):
        """Draw the network."""
        from benchmarks.peers import pytorch

        images, labels = data.standardise(data.load("digits")).train
        model = NETWORKS[name]
        self.params = models.initialise(model, jax.random.key(0), images.shape[1:])
        self.params = self.params["params"]
        cuts = range(BATCH, len(images), BATCH)
        self.batches = list(
            zip(np.split(images, cuts), np.split(labels, cuts), strict=True)
        )
        self.torch_batches = [
            (pytorch.inputs(x), pytorch.tensor(y).long()) for x, y in self.batches
        ]
        convnet = functools.partial(pytorch.convnet, side=images.shape[1])
        self._build = {"mlp": pytorch.mlp, "convnet": convnet}[name]
        self.network = self._build(self.params)
        self.loss = mean_loss(model)
        ours, theirs = self.loss(self.params, self.batches[0]), self.torch_loss(0)
        np.testing.assert_allclose(ours, theirs.item(), rtol=1e-4)

    def torch_weights(self, tree: Any) -> list[Any]:
        """Return a tree like the parameters in torch's order and layout."""
        return [weight.detach() for weight in self._build(tree).parameters()]

    def torch_loss(self, batch: int) -> Any:
        """Return the mean loss of a batch by torch."""
        import torch

        x, labels = self.torch_batches[batch]
        return torch.nn.functional.cross_entropy(self.network(x), labels)


def mean_loss(model: nn.Module) -> Callable[[Any, Any], jax.Array]:
    """Return params, batch -> mean loss."""

    def loss(params, batch):
        logits = model.apply({"params": params}, batch[0], train=False)
        return jnp.mean(losses.cross_entropy(logits, batch[1]))

    return loss


def product(stack: contextlib.ExitStack, name: str) -> case.Case:
    """H v over all batches, against torch's gradient of a gradient's product."""
    del stack
    import torch

    problem = Problem(name)
    leaves, structure = jax.tree.flatten(problem.params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    vector = structure.unflatten(
        jax.random.normal(key, leaf.shape)
        for key, leaf in zip(keys, leaves, strict=True)
    )
    hessian = curvature.hessian(problem.loss, problem.params, problem.batches)
    weights = list(problem.network.parameters())
    theirs = problem.torch_weights(vector)
    sizes = [len(labels) for _, labels in problem.batches]

    def ours():
        return jax.block_until_ready([hessian(vector) for _ in range(PRODUCTS)])

    def torch_product():
        total = [torch.zeros_like(weight) for weight in weights]
        for batch, size in enumerate(sizes):
            loss = problem.torch_loss(batch)
            slopes = torch.autograd.grad(loss, weights, create_graph=True)
            made = torch.autograd.grad(slopes, weights, theirs)
            torch._foreach_add_(total, made, alpha=size / sum(sizes))
        return total

    length = np.sqrt(sum(float((x**2).sum()) for x in torch_product()))
    expected = np.sqrt(
        sum(float((x**2).sum()) for x in jax.tree.leaves(hessian(vector)))
    )
    np.testing.assert_allclose(length, expected, rtol=1e-3)
    runs = {
        case.OURS: ours,
        "torch double backward": lambda: [torch_product() for _ in range(PRODUCTS)],
    }
    return case.Case(runs, PRODUCTS)


def plane(stack: contextlib.ExitStack, name: str) -> case.Case:
    """The loss at 51 x 51 points."""
    del stack
    import torch

    problem = Problem(name)
    keys = jax.random.split(jax.random.key(2))
    x, y = (landscape.random_direction(key, problem.params) for key in keys)
    steps = np.linspace(-1, 1, SIDE)
    weights = list(problem.network.parameters())
    start, dx, dy = (problem.torch_weights(tree) for tree in (problem.params, x, y))
    size = sum(len(labels) for _, labels in problem.batches)

    def ours():
        return landscape.slice_2d(
            problem.loss,
            problem.params,
            x,
            y,
            problem.batches,
            alphas=steps,
            betas=steps,
        )

    @torch.no_grad()
    def at(alpha: float, beta: float) -> float:
        for weight, *parts in zip(weights, start, dx, dy, strict=True):
            weight.copy_(parts[0] + alpha * parts[1] + beta * parts[2])
        batches = enumerate(problem.torch_batches)
        return sum(
            float(problem.torch_loss(i)) * len(y) / size for i, (_, y) in batches
        )

    def torch_loop():
        return [[at(alpha, beta) for beta in steps] for alpha in steps]

    np.testing.assert_allclose(ours()[0, 0], at(-1, -1), rtol=1e-3)
    return case.Case({case.OURS: ours, "torch loop": torch_loop}, SIDE**2)
