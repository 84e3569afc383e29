import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import losses, sharpness, train

SCALES = jnp.array([1.0, 4.0])
BATCHES = [np.ones(3), np.ones(1)]


def loss_fn(params, batch):
    return jnp.mean(batch) * jnp.sum(SCALES * params**2) / 2


def state(*rows, step=0, stats=()):
    steps = np.full(len(rows), step)
    return types.SimpleNamespace(step=steps, params=jnp.array(rows), batch_stats=stats)


def test_each_network_has_its_eigenvalue_its_critical_step_and_its_limit():
    measure = sharpness.track(loss_fn, BATCHES, rate=[0.5, 0.1], tol=1e-3)
    found = measure(state([0.0, 1.0], [1.0, 0.0]))
    np.testing.assert_allclose(found["top_eigenvalue"], [4, 4], rtol=1e-4)
    np.testing.assert_allclose(found["critical_sharpness"], [4, 1], rtol=1e-3)
    np.testing.assert_allclose(found["stability_limit"], [4, 20])


def test_between_two_looks_there_is_nothing_and_a_schedule_is_followed():
    measure = sharpness.track(
        loss_fn, BATCHES, every=10, rate=optax.linear_schedule(1.0, 0.0, 40)
    )
    assert measure(state([0.0, 1.0], step=5)) == {}
    assert measure(state([0.0, 1.0], step=20))["stability_limit"] == [4.0]


def test_statistics_of_the_batch_norm_come_first():
    def with_stats(stats, params, batch):
        return stats["scale"] * loss_fn(params, batch)

    measure = sharpness.track(with_stats, BATCHES, tol=1e-3)
    stats = {"scale": jnp.array([1.0, 3.0])}
    found = measure(state([0.0, 1.0], [0.0, 1.0], stats=stats))
    np.testing.assert_allclose(found["top_eigenvalue"], [4, 12], rtol=1e-4)
    assert "stability_limit" not in found


def test_a_network_that_is_not_finite_is_nan_and_the_others_are_measured():
    found = sharpness.track(loss_fn, BATCHES)(state([np.nan, 1.0], [0.0, 1.0]))
    assert np.isnan(found["top_eigenvalue"]).tolist() == [True, False]


@pytest.mark.parametrize(
    "wrong", [{"every": 0}, {"tol": 0.0}, {"rate": 0.0}, {"rate": [0.1, -1.0]}]
)
def test_what_is_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*; expected"):
        sharpness.track(loss_fn, BATCHES, **wrong)


def test_a_training_records_it_and_a_resumed_one_repeats_it(tmp_path):
    x = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
    data = x, (x[:, 0] > 0).astype(int)

    def line_loss(kernel, batch):
        x, y = batch
        return losses.cross_entropy(x @ kernel, y).mean()

    def trained(folder, steps):
        return train.train(
            (lambda key: jax.random.normal(key, (1, 2)), lambda kernel, x: x @ kernel),
            optax.sgd(0.5),
            data,
            steps=steps,
            batch_size=16,
            evaluate_every=2,
            checkpoint_every=1,
            measure=sharpness.track(line_loss, [data], every=4, rate=0.5),
            folder=folder,
        )

    trained(tmp_path / "cut", 4)
    cut = trained(tmp_path / "cut", 8).history
    whole = trained(tmp_path / "whole", 8).history
    assert whole["top_eigenvalue_step"].tolist() == [3, 7]
    for name in ("top_eigenvalue", "critical_sharpness", "stability_limit"):
        np.testing.assert_array_equal(cut[name], whole[name])
    lines = [(tmp_path / of / "metrics.jsonl").read_bytes() for of in ("cut", "whole")]
    assert lines[0] == lines[1] and b"critical_sharpness" in lines[0]
