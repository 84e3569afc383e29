import jax
import numpy as np
import optax
import pytest

from lec7 import models, train, update_rules

INPUTS, WIDTHS, CLASSES, BATCH = 12, (24, 16), 5, 32
LAYERS = [*zip((INPUTS, *WIDTHS), (*WIDTHS, CLASSES), strict=True)]
PARAMETERS = sum(i * o + o for i, o in LAYERS)
DATA = (
    np.linspace(-1, 1, 96 * INPUTS, dtype=np.float32).reshape(96, INPUTS),
    np.arange(96) % CLASSES,
)
SEEDS = (0, 1, 2)
GIVEN = {"steps": 40, "batch_size": BATCH, "evaluate_every": 10, "seeds": SEEDS}


def network():
    return models.MLP(CLASSES, widths=WIDTHS)


@pytest.fixture(scope="module")
def found():
    return train.cost(network(), update_rules.adam(0.01), DATA, **GIVEN, hosts=2)


def test_an_mlp_has_the_parameters_of_its_layers(found):
    assert found.parameters == PARAMETERS
    assert found.members == len(SEEDS)
    assert found.batch_size == BATCH


def test_the_flops_of_an_mlp_are_those_of_its_products(found):
    weights = [i * o for i, o in LAYERS]
    products = len(SEEDS) * 2 * BATCH * (3 * sum(weights) - weights[0])
    assert found.products == products
    # XLA counts elementwise work beside them; 6 P B is the rule of thumb.
    assert products < found.flops < 1.6 * products
    assert found.flops == pytest.approx(6 * PARAMETERS * BATCH * len(SEEDS), rel=0.3)


def test_adam_keeps_two_numbers_for_each_parameter(found):
    assert found.bytes.parameters == 4 * len(SEEDS) * PARAMETERS
    # and one counter for each network
    assert found.bytes.optimiser == 2 * found.bytes.parameters + 4 * len(SEEDS)
    assert found.bytes.averaged == found.bytes.parameters


def test_the_bytes_of_batch_and_data_are_those_of_the_arrays(found):
    labels = found.bytes.batch - len(SEEDS) * BATCH * INPUTS * 4
    assert labels in (len(SEEDS) * BATCH * 4, len(SEEDS) * BATCH * 8)
    assert found.bytes.data >= DATA[0].nbytes
    assert found.bytes.peak > 2 * found.bytes.parameters + found.bytes.optimiser


def test_updates_and_looks_are_those_of_the_plan(found):
    assert (found.updates, found.evaluations, found.checkpoints) == (40, 4, 1)
    assert all(second > 0 for second in found.seconds[:4])
    assert 0 <= found.seconds.fixed <= found.seconds.update
    assert found.on(2).hosts == 2


def test_a_rehearsed_population_has_the_shapes_of_the_trained_one():
    given = GIVEN | {"snapshot_every": 20, "stop_loss": 1e-9}
    rule = update_rules.momentum(0.01)
    trained = train.train(network(), rule, DATA, **given)
    with train.rehearsed() as rehearsal:
        other = train.train(network(), rule, DATA, **given)
    assert len(rehearsal.found) == 1
    assert rehearsal.found[0].stops

    def shapes(population):
        return jax.tree.map(np.shape, tuple(population))

    assert shapes(other) == shapes(trained)
    for name, steps in trained.history.items():
        if name.endswith("_step"):
            np.testing.assert_array_equal(other.history[name], steps)
    assert list(other.updates) == [40, 40, 40]


def test_nothing_is_rehearsed_afterwards():
    with train.rehearsed():
        pass
    trained = train.train(network(), optax.sgd(0.1), DATA, **GIVEN)
    assert len({*map(float, trained.history["loss"][:, 0])}) > 30


def test_costing_leaves_no_file(tmp_path):
    given = GIVEN | {"snapshot_every": 10, "folder": tmp_path / "run"}
    train.cost(network(), optax.sgd(0.1), DATA, **given)
    assert not (tmp_path / "run").exists()


def test_what_training_refuses_costing_refuses():
    with pytest.raises(ValueError, match="batch_size is 0; expected a multiple of 1"):
        train.cost(network(), optax.sgd(0.1), DATA, steps=1, batch_size=0)


@pytest.mark.parametrize("hosts", [0, -1, 1.5])
def test_hosts_that_cannot_be_are_told(hosts):
    given = GIVEN | {"hosts": hosts}
    with pytest.raises(ValueError, match=f"hosts is {hosts}; expected an integer >= 1"):
        train.cost(network(), update_rules.adam(0.01), DATA, **given)
