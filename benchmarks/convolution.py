"""Milliseconds of a training step of a small ConvNet, by the form of its convolution.

Two stages of 3x3 convolution, ReLU and 2x2 max pooling, a linear head, SGD on batches
of 64; the steps are scanned inside one program, for one network and for five under
vmap. All forms run in turn in one process, round after round, and the least of the
rounds is shown. Where torch can be imported its eager mode, one network after the
other, is shown beside them.

Run: python benchmarks/convolution.py                                  (4 minutes)

Expected, on two cores of an x86 server with AVX2, jax 0.10.2 and torch 2.15; pixels x
number of networks, the least of three runs:

                                8x8 x1    8x8 x5    28x28 x1  28x28 x5
lax convolution, flax pooling   11.3      34.0      94.2      598.5
lax convolution                 10.2      30.2      84.6      552.5
sum of nine products            3.1       9.9       21.2      153.3
custom gradient                 1.0       5.3       7.6       142.7
lec7, flax pooling              1.5       4.1       12.7      88.8
lec7                            0.6       2.1       5.1       47.7
torch, eager                    1.0       5.0       4.0       21.8
"""

import functools
import importlib.util
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax

from lec7.losses import cross_entropy
from lec7.models.convolution import convolve, max_pool

BATCH, CHANNELS, CLASSES, ROUNDS = 64, (16, 32), 10, 6
STEPS = {8: 40, 28: 3}


def native(x, kernel):
    """XLA's convolution."""
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def shifted(x):
    """The nine shifted copies of images that a 3x3 window sees."""
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return [
        padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)
    ]


def sum_of_products(x, kernel):
    """One matrix product for each position in the window."""
    kernels = kernel.reshape(-1, *kernel.shape[2:])
    return sum(copy @ part for copy, part in zip(shifted(x), kernels, strict=True))


@jax.custom_vjp
def custom_gradient(x, kernel):
    """XLA's convolution, with its gradients written by hand."""
    return native(x, kernel)


def _backward(saved, cotangent):
    x, kernel = saved
    flat = cotangent.reshape(-1, cotangent.shape[-1])
    products = [copy.reshape(-1, copy.shape[-1]).T @ flat for copy in shifted(x)]
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)
    return native(cotangent, flipped), jnp.stack(products).reshape(kernel.shape)


custom_gradient.defvjp(lambda x, kernel: (native(x, kernel), (x, kernel)), _backward)

flax_pool = functools.partial(nn.max_pool, window_shape=(2, 2), strides=(2, 2))
ours = functools.partial(convolve, strides=(1, 1), padding="SAME")
FORMS = {
    "lax convolution, flax pooling": (native, flax_pool),
    "lax convolution": (native, max_pool),
    "sum of nine products": (sum_of_products, max_pool),
    "custom gradient": (custom_gradient, max_pool),
    "lec7, flax pooling": (ours, flax_pool),
    "lec7": (ours, max_pool),
}


def parameters(key, size):
    """Kernels of both stages and of the head."""
    shapes = (
        (3, 3, 1, CHANNELS[0]),
        (3, 3, *CHANNELS),
        ((size // 4) ** 2 * CHANNELS[1], CLASSES),
    )
    keys = jax.random.split(key, len(shapes))
    return [
        jax.random.normal(key, shape) / np.sqrt(np.prod(shape[:-1]))
        for key, shape in zip(keys, shapes, strict=True)
    ]


def data(size, members):
    """Random images [T, M, B, H, W, 1] and labels [T, M, B]."""
    rng = np.random.default_rng(0)
    lead = (STEPS[size], members, BATCH)
    images = rng.normal(size=(*lead, size, size, 1)).astype(np.float32)
    return images, rng.integers(0, CLASSES, lead)


def jax_run(convolution, pool, size, members) -> Callable[[], None]:
    """Return a call that trains for `STEPS[size]` steps."""

    def loss(params, images, labels):
        *kernels, head = params
        for kernel in kernels:
            images = pool(nn.relu(convolution(images, kernel)))
        logits = images.reshape(BATCH, -1) @ head
        return jnp.mean(cross_entropy(logits, labels))

    def step(params, batch):
        value, gradient = jax.value_and_grad(loss)(params, *batch)
        return jax.tree.map(lambda p, g: p - 0.05 * g, params, gradient), value

    batches = jax.tree.map(jnp.asarray, data(size, members))
    make = functools.partial(parameters, size=size)
    if members == 1:
        params, body = make(jax.random.key(0)), step
        batches = jax.tree.map(lambda leaf: leaf[:, 0], batches)
    else:
        params = jax.vmap(make)(jax.random.split(jax.random.key(0), members))
        body = jax.vmap(step)
    run = jax.jit(functools.partial(lax.scan, body)).lower(params, batches).compile()
    return lambda: jax.block_until_ready(run(params, batches))


def torch_run(size, members) -> Callable[[], None]:
    """Return a call that trains each member for `STEPS[size]` steps in eager mode."""
    import torch

    def network():
        layers = torch.nn
        return layers.Sequential(
            layers.Conv2d(1, CHANNELS[0], 3, padding=1, bias=False),
            layers.ReLU(),
            layers.MaxPool2d(2),
            layers.Conv2d(*CHANNELS, 3, padding=1, bias=False),
            layers.ReLU(),
            layers.MaxPool2d(2),
            layers.Flatten(),
            layers.Linear((size // 4) ** 2 * CHANNELS[1], CLASSES, bias=False),
        )

    images, labels = (torch.from_numpy(array) for array in data(size, members))
    images = images.movedim(-1, -3).contiguous()
    models = [network() for _ in range(members)]
    rules = [torch.optim.SGD(model.parameters(), lr=0.05) for model in models]

    def run():
        for step in range(STEPS[size]):
            for member, (model, rule) in enumerate(zip(models, rules, strict=True)):
                rule.zero_grad()
                logits = model(images[step, member])
                loss = torch.nn.functional.cross_entropy(logits, labels[step, member])
                loss.backward()
                rule.step()

    return run


def milliseconds(runs, size) -> dict[str, float]:
    """Return the least time of a step for each run, all taking turns."""
    times = {name: [] for name in runs}
    for _ in range(ROUNDS + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: 1e3 * min(found[1:]) / STEPS[size] for name, found in times.items()}


def main():
    """Measure and print the table."""
    columns = [(size, members) for size in STEPS for members in (1, 5)]
    table = {}
    for size, members in columns:
        runs = {name: jax_run(*form, size, members) for name, form in FORMS.items()}
        if importlib.util.find_spec("torch"):
            runs["torch, eager"] = torch_run(size, members)
        table[size, members] = milliseconds(runs, size)
    print(f"{'':<31}", *(f"{s}x{s} x{m}".ljust(9) for s, m in columns))
    for name in table[columns[0]]:
        print(f"{name:<31}", *(f"{table[column][name]:<9.2f}" for column in columns))


if __name__ == "__main__":
    main()
