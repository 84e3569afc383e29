"""One pure step, and its wrappers over members, steps and devices.

    step(state, batch) -> state, metrics     pure; one device, one member
      over members   `jax.vmap`              seeds as one compiled program
      over steps     `jax.lax.scan`          many updates a dispatch
      over devices   `jax.pmap`              gradients, statistics, metrics averaged

The step is *given* a model, an update rule and a loss. This module is the only one that
calls `pmap`. Where loops are slow, `execution` does without the first two.
"""

import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lec7 import arguments, loops, losses, randomness
from lec7.data.augment import transforms
from lec7.train import execution, shares, sub_batches, synchrony
from lec7.train import state as states

DEVICE_AXIS = synchrony.DEVICE_AXIS
ACCURACY = types.MappingProxyType({"accuracy": losses.accuracy})

Batch = tuple[jax.Array, jax.Array]
Loss = Callable[[jax.Array, jax.Array], jax.Array]
MetricFunctions = Mapping[str, Loss]
Metrics = dict[str, jax.Array]
Step = Callable[[states.TrainState, Batch], tuple[states.TrainState, Metrics]]
Advance = Callable[[states.TrainState, Any, Any, jax.Array], tuple[Any, Metrics]]


def make_step(
    model: nn.Module,
    rule: optax.GradientTransformation,
    loss: Loss,
    *,
    metrics: MetricFunctions = ACCURACY,
    axis_name: str | None = None,
    m: int | None = None,
    augment: transforms.Augment | None = None,
) -> Step:
    """Return the pure step of one member.

    The objective is the mean of `loss` over the batch, which `augment` changes once, at
    the beginning. A rule that asks for more than a gradient is given it on the same
    augmented batch with the same noise: `grad_fn` and `value_fn` (functions of the
    parameters), `value` and `grad`; one that refuses some, as `optax.contrib.sam` does,
    is given the others. BatchNorm's running statistics are those of the forward pass at
    the parameters, whatever else a rule evaluates.

    A sharpness-aware rule perturbs by the gradient of the batch over all devices. With
    `m`, for m-sharpness, it is also given `over_sub_batches`, and perturbs for every m
    examples by theirs: see `lec7.train.sub_batches`. That takes no more gradients, but
    the memory of B / m copies of the parameters. Other rules take no notice of m.

    Args:
      model: Flax model, `apply(variables, images, train=True)` -> logits [B, K].
      rule: the update rule, any optax transformation.
      loss: logits [B, K], labels -> loss of each example [B].
      metrics: name -> (logits [B, K], labels) -> a number for each example [B].
      axis_name: the mapped device axis over which everything is averaged, if any; the
        model's own `axis_name` must be the same.
      m: examples in a sub-batch, a divisor of the examples of a batch on one device.
      augment: keys [B], images [B, H, W, C], labels [B] -> images and labels of the
        same number; the labels may become probabilities [B, K]. The keys are those of
        the stream `augment` by position in the global batch.

    Returns:
      `step(state, (images [B, H, W, C], labels [B])) -> (state, metrics)` with metrics
      `loss` and those of `metrics` on the augmented batch before the update and
      `gradient_norm`, each [].

    Raises:
      TypeError: the model is not called `(x, *, train)`.
      ValueError: m is below 1 or the model has no `axis_name`; when the step is
        traced, m does not divide the batch, the model draws from a stream that there
        is not, or has a layer that `synchrony.checked_layers` refuses.
    """
    arguments.require_call(model, "train")
    rule = optax.with_extra_args_support(rule)
    parts = sub_batches.Whole() if m is None else sub_batches.Split(m)
    model = parts.synchronised(model, axis_name)

    over_all_devices = functools.partial(synchrony.mean, axis_name=axis_name)

    def average(tree):
        return over_all_devices(parts.mean(tree))

    shared = _shared(over_all_devices)

    def step(state, batch):
        objective = _objective(model, loss, metrics, state, axis_name)
        value_and_grad = jax.value_and_grad(objective, has_aux=True)
        examples = parts.split(batch)

        def evaluate(function, params):
            return parts.each(functools.partial(function, params))(examples)

        def over_sub_batches(function):
            def one(gradient, part):
                return function(gradient, lambda x: value_and_grad(x, part)[1])

            return average(parts.each(one)(evaluated[1], examples))

        evaluated = evaluate(value_and_grad, state.params)
        (value, (measured, batch_stats)), grad = average(evaluated)
        updates, opt_state = arguments.offer(
            rule.update,
            grad,
            state.opt_state,
            state.params,
            value=value,
            grad=grad,
            **_functions(
                lambda params: average(evaluate(objective, shared(params))[0]),
                lambda params: average(evaluate(value_and_grad, params)[1]),
            ),
            **parts.offered(over_sub_batches),
        )
        return state.replace(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            batch_stats=batch_stats,
            opt_state=opt_state,
        ), {"loss": value, **measured, "gradient_norm": optax.tree.norm(grad)}

    return step if augment is None else _augmented(step, augment, axis_name)


def _functions(value: Callable, gradient: Callable) -> dict[str, Callable]:
    """Return `value_fn` and `grad_fn` as rules of optax call them too.

    Its line searches hand the loss whatever they are given, and refuse what it does not
    name; `optax.contrib.sam` counts the gradients that it asks for.
    """

    def value_fn(params, *, grad_fn=None, over_sub_batches=None):
        del grad_fn, over_sub_batches
        return value(params)

    def grad_fn(params, index=0):
        del index
        return gradient(params)

    return {"value_fn": value_fn, "grad_fn": grad_fn}


def _augmented(step: Step, augment: transforms.Augment, axis_name: str | None) -> Step:
    """Return the step on what `augment` makes of its batch."""

    def augmented(state, batch):
        images, labels = batch
        key = randomness.step_keys(state.key, state.step)["augment"]
        keys = randomness.example_keys(key, len(labels), axis_name)
        return step(state, augment(keys, images, labels))

    return augmented


def _shared(average):
    """Return the identity on parameters that all devices share.

    A device differentiates its own part of an average; here the parts come together,
    so that derivatives of `value_fn` of any order are those of the whole batch.
    """

    @jax.custom_vjp
    def shared(params):
        return params

    def forward(params):
        return shared(params), None

    def backward(_, cotangent):
        return (average(cotangent),)

    shared.defvjp(forward, backward)
    return shared


def _objective(model, loss, metrics, state, axis_name):
    """Return (params, (images, labels)) -> mean loss, (metrics, statistics)."""
    noise = randomness.step_keys(state.key, state.step)
    devices = 1 if axis_name is None else jax.lax.axis_size(axis_name)

    def objective(params, examples):
        images, labels = examples
        variables = {"params": params, "batch_stats": state.batch_stats}
        with synchrony.checked_layers(model, devices):
            logits, updated = model.apply(
                variables, images, train=True, rngs=noise, mutable=["batch_stats"]
            )
        measured = {
            name: jnp.mean(metric(logits, labels)) for name, metric in metrics.items()
        }
        statistics = updated.get("batch_stats", {})
        return jnp.mean(loss(logits, labels)), (measured, statistics)

    return objective


def over_steps(
    step: Step, fetch: Callable[[Any, Any], Batch]
) -> Callable[[states.TrainState, Any, Any, jax.Array], tuple[Any, Metrics]]:
    """Return T steps of a population as one program.

    `steps(state, data, slots, active)` returns (state, metrics [T, M]). It fetches a
    batch for each slot, along their leading axis [T]; a member whose `active` [M] is
    false keeps its state.
    """

    def steps(state, data, slots, active):
        def body(state, slot):
            return step(state, fetch(data, slot))

        advanced, metrics = jax.lax.scan(body, state, slots)
        return _where_active(active, advanced, state), metrics

    return steps


def _where_active(active: jax.Array, new: Any, old: Any) -> Any:
    """Return a population whose members that have stopped are as they were."""

    def keep_stopped(new, old):
        return jnp.where(active.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(keep_stopped, new, old)


def over_devices(
    function: Callable,
    devices: Sequence[jax.Device],
    *,
    in_axes: tuple[int | None, ...],
    donate: tuple[int, ...] = (),
) -> Callable:
    """Return `function` mapped over devices; its results must not differ among them.

    It may average over `DEVICE_AXIS`. An argument has the axis 0 for a leading axis of
    this host's devices, None if it is shared; the memory of donated ones may be reused.
    """
    share = shares.of(devices)
    mapped = functools.partial(
        jax.pmap,
        function,
        axis_name=DEVICE_AXIS,
        in_axes=in_axes,
        out_axes=None,
        devices=share.devices,
    )
    if share.parts > 1:  # `jit` would average over this host's devices alone
        return mapped(donate_argnums=donate)
    return jax.jit(mapped(), donate_argnums=donate)  # for its cheaper dispatch


def place(tree: Any, devices: Sequence[jax.Device], *, split: bool = False) -> Any:
    """Return a tree on all of this host's devices, or one entry of it on each."""
    spec = PartitionSpec(DEVICE_AXIS) if split else PartitionSpec()
    mesh = Mesh(np.array(shares.of(devices).own), (DEVICE_AXIS,))
    return jax.device_put(tree, NamedSharding(mesh, spec))


def make_advance(
    step: Step,
    fetch: Callable[[Any, Any], Batch],
    devices: Sequence[jax.Device],
) -> Advance:
    """Return the compiled program that advances a population by T steps.

    Args:
      step: the pure step of one member, made with `axis_name=DEVICE_AXIS`.
      fetch: (data, slot) -> batch of the population on one device.
      devices: D devices, over which the examples of a batch are divided.

    Returns:
      `advance(state, data, slots, active)` -> (state, metrics [T, M]); slots have
      leading axes [D, T], of this host's devices. The state given is consumed. Raises
      ValueError where there are several devices, and the step does not average over
      them. On one host `advance.trace` of the same traces a program, as that of a
      `jax.jit` does; laid out flat, the program of one update.
    """
    mapped = functools.partial(
        over_devices, devices=devices, in_axes=(None, None, 0, None), donate=(0,)
    )

    def update(state, data, slot, active):
        members = execution.over_members(step, flat=True)
        advanced, metrics = members(state, fetch(data, slot))
        return _where_active(active, advanced, state), metrics

    looped = mapped(over_steps(execution.over_members(step, flat=False), fetch))
    flat = execution.dispatched(mapped(update))
    chosen = None

    def choose(state, data, slots):
        nonlocal chosen
        if chosen is None:
            synchrony.require_axis(step, fetch, len(devices), state, data, slots)
            chosen = (
                flat if _is_flat(step, fetch, devices, state, data, slots) else looped
            )
        return chosen

    def advance(state, data, slots, active):
        return choose(state, data, slots)(state, data, slots, active)

    advance.trace = lambda *given: choose(*given[:3]).trace(*given)
    return advance


def _is_flat(step, fetch, devices, state, data, slots) -> bool:
    slot = jax.tree.map(lambda leaf: leaf[0, 0], slots)
    batch = jax.eval_shape(fetch, data, slot)
    member = jax.eval_shape(
        lambda tree: jax.tree.map(lambda x: x[0], tree), (state, batch)
    )
    axes = ((DEVICE_AXIS, len(devices)),)
    return loops.are_slow(step, *member, platform=devices[0].platform, axes=axes)
