"""A rescaling of layers leaves the loss alone, and what is invariant."""

import types

import jax.numpy as jnp
import numpy as np

from experiments import minima
from experiments import sharp_vs_flat_card as card
from experiments import sharp_vs_flat_rescaling as rescaling
from lec7 import data, models, report

CONFIG = types.SimpleNamespace(
    measures=("fisher_rao", "low_pass"), epsilon=1e-3, starts=1, probes=4
)


def variables(seed):
    rng = np.random.default_rng(seed)
    shapes = {"Dense_0": (2, 4), "head": (4, 3)}
    params = {
        name: {
            "kernel": jnp.asarray(0.3 * rng.normal(size=shape), "float32"),
            "bias": jnp.asarray(0.3 * rng.normal(size=shape[1:]), "float32"),
        }
        for name, shape in shapes.items()
    }
    return {"params": params, "batch_stats": {}}


def test_a_rescaled_network_has_the_loss_and_the_invariant_measures_it_had():
    images = np.arange(14.0).reshape(7, 2, 1, 1).astype("float32")
    batches = {"train": [data.Split(images, np.arange(7) % 3)]}
    model = models.MLP(num_classes=3, widths=(4,))
    probe = minima.Probe(model, batches, (0, 1), report.Progress())
    networks = [variables(0), variables(1)]
    before = probe.card(networks, "sharpness", card.measures(CONFIG))
    assert before.invariant == {"fisher_rao": True, "low_pass": False}

    steps = np.linspace(-1, 1, 3)
    found = rescaling.measure(CONFIG, probe, networks, before, steps)
    np.testing.assert_allclose(*found.losses, rtol=1e-5)
    np.testing.assert_allclose(*found.slices["filter"], rtol=1e-4)
    assert np.abs(np.diff(found.slices["none"], axis=0)).max() > 0.01
    after = {name: found.after.values[name] / of for name, of in before.values.items()}
    np.testing.assert_allclose(after["fisher_rao"], [1, 1], rtol=1e-4)
    assert np.abs(after["low_pass"] - 1).min() > 1e-4


def made(change):
    """What was found where a rescaling changes the invariant measure by a factor."""
    values = {"hessian_max": np.array([1.0, 1.1, 0.9]), "fisher_rao": np.ones(3)}
    invariant = {"hessian_max": False, "fisher_rao": True}
    before = minima.Card(values, values, {}, invariant)
    spread = 1 + np.array([0.0, 1e-6, 2e-6])
    after = before._replace(
        values={
            "hessian_max": 8 * values["hessian_max"] * spread,
            "fisher_rao": change * spread,
        }
    )
    slices = np.stack([np.ones((3, 5)), change * spread[:, None] * np.ones((3, 5))])
    return rescaling.Rescaled(before, after, np.ones((2, 3)), {"filter": slices})


def test_what_rounding_alone_changes_is_an_identity():
    kinds = {claim.id: claim.kind for claim in rescaling.claims(made(1.0))}
    assert kinds["L20.rescaled.top_eigenvalue"] == "empirical"
    assert kinds["L20.rescaled.invariant"] == "identity"
    assert kinds["L20.rescaled.slices"] == "identity"


def test_what_a_rescaling_changes_is_not_called_invariant():
    for change, verdict in ((1.0, "supported"), (1.1, "contradicted")):
        decided = {claim.id: claim.verdict for claim in rescaling.claims(made(change))}
        assert decided["L20.rescaled.top_eigenvalue"] == "supported"
        assert decided["L20.rescaled.invariant"] == verdict
        assert decided["L20.rescaled.slices"] == verdict
