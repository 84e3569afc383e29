"""Flax NNX, Equinox and plain dicts: one network in each, and the same numbers."""

import functools
from typing import Any, NamedTuple

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from lec7 import curvature, landscape, losses, report, sharpness, train, update_rules

KEY = jax.random.key(0)
WIDTHS = (3, 5, 2)
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(20, 3)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
BATCHES = [(X[:12], Y[:12]), (X[12:], Y[12:])]
KERNELS = [
    DRAW.normal(size=sizes).astype(np.float32)
    for sizes in zip(WIDTHS, WIDTHS[1:], strict=False)
]


class Network(NamedTuple):
    """A network, as its library has it."""

    params: Any
    apply: Any  # params, inputs -> logits
    kernels: Any  # params -> kernels [inputs, units], in the order of the layers
    filter_axis: int = -1

    def loss_fn(self, params, batch):
        inputs, labels = batch
        return losses.cross_entropy(self.apply(params, inputs), labels).mean()


def plain():
    def apply(params, x):
        first, second = params["first"], params["second"]
        hidden = jnp.tanh(x @ first["kernel"] + first["bias"][None])
        return hidden @ second["kernel"] + second["bias"][None]

    params = {
        name: {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(kernel.shape[1])}
        for name, kernel in zip(("first", "second"), KERNELS, strict=True)
    }
    return Network(params, apply, lambda p: [p[name]["kernel"] for name in params])


class Net(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(*WIDTHS[:2], rngs=rngs)
        self.second = nnx.Linear(*WIDTHS[1:], rngs=rngs)

    def __call__(self, x):
        return self.second(jnp.tanh(self.first(x)))


def flax_nnx():
    net = Net(nnx.Rngs(0))
    for layer, kernel in zip((net.first, net.second), KERNELS, strict=True):
        layer.kernel[...] = jnp.asarray(kernel)
    graph, params = nnx.split(net, nnx.Param)

    def kernels(params):
        return [params[name]["kernel"][...] for name in ("first", "second")]

    return Network(params, lambda p, x: nnx.merge(graph, p)(x), kernels)


def whole_equinox():
    net = equinox.nn.MLP(3, 2, 5, 1, activation=jnp.tanh, key=KEY)
    weights = [jnp.asarray(kernel.T) for kernel in KERNELS]
    biases = [jnp.zeros(len(weight)) for weight in weights]
    return equinox.tree_at(
        lambda net: [
            getattr(layer, of) for of in ("weight", "bias") for layer in net.layers
        ],
        net,
        weights + biases,
    )


def equinox_module():
    params, static = equinox.partition(whole_equinox(), equinox.is_inexact_array)
    return Network(
        params,
        lambda p, x: jax.vmap(equinox.combine(p, static))(x),
        lambda p: [layer.weight.T for layer in p.layers],
        filter_axis=0,
    )


MAKERS = {"dict": plain, "nnx": flax_nnx, "equinox": equinox_module}
OTHERS = [name for name in MAKERS if name != "dict"]


@functools.cache
def network(name):
    return MAKERS[name]()


def where(name):
    of = network(name)
    return of.loss_fn, of.params, BATCHES


def chain():
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        update_rules.l2_in_loss(1e-3),
        update_rules.adam(0.05),
        update_rules.polyak_average(0.9),
    )


@functools.cache
def descended(name):
    """Return the kernels after ten updates by a chain, and their averages."""
    of, rule = network(name), chain()
    params, state = of.params, rule.init(of.params)
    step = jax.jit(rule.update)
    for _ in range(10):
        gradient = curvature.gradient(of.loss_fn, params, BATCHES)
        updates, state = step(gradient, state, params)
        params = optax.apply_updates(params, updates)
    averages = update_rules.averaged_params(state)
    return [*of.kernels(params), *of.kernels(averages)]


@pytest.mark.parametrize("name", OTHERS)
def test_a_chain_of_rules_takes_the_same_path(name):
    for own, expected in zip(descended(name), descended("dict"), strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-5)
    assert np.abs(descended(name)[0] - KERNELS[0]).max() > 0.1


@pytest.mark.parametrize("name", OTHERS)
def test_sharpness_aware_minimisation_takes_the_same_step(name):
    def step(of):
        def slope(params):
            return curvature.gradient(of.loss_fn, params, BATCHES)

        rule = update_rules.sharpness_aware(optax.sgd(0.1), rho=0.1)
        updates, _ = rule.update(
            slope(of.params), rule.init(of.params), of.params, grad_fn=slope
        )
        return of.kernels(updates)

    for own, expected in zip(step(network(name)), step(network("dict")), strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-6)


@functools.cache
def spectrum(name):
    op = curvature.hessian(*where(name))
    pairs = curvature.top_eigenpairs(op, 4, key=KEY, which="LM", tol=1e-4)
    return op.size, pairs.values


@pytest.mark.parametrize("name", OTHERS)
def test_the_hessian_has_the_same_eigenvalues(name):
    (size, values), (expected_size, expected) = spectrum(name), spectrum("dict")
    assert size == expected_size == 32
    np.testing.assert_allclose(values, expected, rtol=1e-3)


@pytest.mark.parametrize("name", MAKERS)
def test_the_landscape_goes_along_filters_as_long_as_the_network_s(name):
    of = network(name)
    direction = landscape.random_direction(KEY, of.params, filter_axis=of.filter_axis)
    for kernel, drawn in zip(KERNELS, of.kernels(direction), strict=True):
        lengths = [np.linalg.norm(each, axis=0) for each in (kernel, drawn)]
        np.testing.assert_allclose(*lengths, rtol=1e-5)
    plot = report.plot_slices(
        *where(name), slices=1, points=3, filter_axis=of.filter_axis
    )
    loss = float(curvature.mean_loss(*where("dict")))
    np.testing.assert_allclose(plot.numbers["loss"][0, 1], loss, rtol=1e-5)


MEASURES = ("sam_sharpness", "hessian_max", "fisher_rao", "relative_flatness")


@functools.cache
def card(name):
    measures = {each: sharpness.MEASURES[each] for each in MEASURES}
    measures["relative_flatness"] = functools.partial(
        sharpness.relative_flatness,
        layer={"equinox": r"layers/1/weight"}.get(name),
        filter_axis=network(name).filter_axis,
    )
    return sharpness.report_card(*where(name), key=KEY, measures=measures)


@pytest.mark.parametrize("name", OTHERS)
def test_the_report_card_is_the_same(name):
    for own, expected in zip(card(name), card("dict"), strict=True):
        assert "failed" not in own.settings
        np.testing.assert_allclose(own.value, expected.value, rtol=1e-3)


@pytest.mark.parametrize("name", MAKERS)
def test_a_training_of_it_is_kept_and_resumed(name, tmp_path):
    of = network(name)

    def trained(folder, steps):
        return train.train(
            (lambda key: of.params, of.apply),
            chain(),
            (X, Y),
            steps=steps,
            batch_size=10,
            evaluate_every=2,
            folder=folder,
        )

    trained(tmp_path / "cut", 2)
    cut, whole = trained(tmp_path / "cut", 4), trained(tmp_path / "whole", 4)
    for own, expected in zip(
        *(of.kernels(run.member(0)["params"]) for run in (cut, whole)), strict=True
    ):
        np.testing.assert_array_equal(own, expected)


@pytest.mark.parametrize(
    "use",
    [
        lambda net: update_rules.adam(0.1).init(net),
        lambda net: chain().init(net),
        lambda net: curvature.hessian(lambda p, b: 0.0, net, BATCHES),
        lambda net: curvature.mean_loss(lambda p, b: 0.0, net, BATCHES),
        lambda net: landscape.random_direction(KEY, net),
        lambda net: report.plot_slices(lambda p, b: 0.0, net, BATCHES),
        lambda net: sharpness.report_card(lambda p, b: 0.0, net, BATCHES, key=KEY),
    ],
)
def test_an_equinox_module_with_its_functions_is_refused_in_one_sentence(use):
    with pytest.raises(ValueError, match=r"params.activation is a .*; expected arrays"):
        use(whole_equinox())
