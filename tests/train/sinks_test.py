import sys
import types

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import train

X = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
DATA = X, (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize(
    ("service", "function"), [("wandb", "log"), ("mlflow", "log_metrics")]
)
def test_a_training_logs_its_evaluations_by_their_updates(
    service, function, monkeypatch
):
    logged, told = [], []

    def log(metrics, step=None):
        logged.append((step, metrics))

    module = types.SimpleNamespace(**{function: log})
    monkeypatch.setitem(sys.modules, service, module)
    trained = train.train(
        (lambda key: jnp.zeros((1, 2)), lambda kernel, x: x @ kernel),
        optax.sgd(0.5),
        DATA,
        steps=4,
        batch_size=8,
        seeds=(0, 1),
        evaluate_every=2,
        measure=lambda state: {"own": np.asarray(state.step, float)},
        progress=train.log_to(service, also=lambda step, **_: told.append(step)),
    )
    assert [step for step, _ in logged] == told == [2, 4]
    assert [metrics["own"] for _, metrics in logged] == [2, 4]
    losses = [metrics["train_loss"] for _, metrics in logged]
    history = trained.history["train_loss"].mean(axis=1)
    np.testing.assert_allclose(losses, history, rtol=1e-6)


def test_a_service_that_is_not_there_is_one_message(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ModuleNotFoundError, match="wandb is not installed; expected"):
        train.log_to("wandb")
    with pytest.raises(ValueError, match="service is 'wadnb'; expected one of wandb, "):
        train.log_to("wadnb")
