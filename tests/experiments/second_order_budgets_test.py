"""Rules are compared after as many gradients, and with the best of first order."""

import numpy as np
import pytest

from experiments import second_order
from experiments import second_order_budgets as budgets
from lec7 import data, models, update_rules

RNG = np.random.default_rng(0)
SEEDS = (0, 1)
GROUPS = np.array([0.99, 1.01, 1.0])


@pytest.fixture(scope="module")
def task():
    images = RNG.normal(size=(24, 2, 2, 1)).astype(np.float32)
    labels = (images[:, 0, 0, 0] > 0).astype(np.int32)
    split = data.Split(images, labels)
    dataset = data.Dataset("sides", 2, split, split, split)
    return budgets.Task(models.MLP(2, widths=()), dataset, SEEDS, None, 50)


def test_the_best_rate_is_kept(task):
    rates = np.array([1e-4, 1.0])
    found = budgets.tuned(task, update_rules.sgd, rates)
    slow = budgets.tuned(task, update_rules.sgd, rates[:1])
    assert found.rate == 1.0
    assert found.loss.shape == (len(SEEDS), budgets.LOOKS)
    assert (found.loss[:, -1] < slow.loss[:, -1]).all()


def test_a_search_pays_for_its_gradients(task):
    found = budgets.searched(task, update_rules.lbfgs())
    plain = budgets.tuned(task, update_rules.sgd, np.array([0.1]))
    np.testing.assert_array_equal(found.passes, plain.passes)
    assert found.passes[-1] == task.passes
    assert (found.loss[:, -1] < plain.loss[:, -1]).all()


def test_what_is_seen_of_a_budget_is_the_last_look_within_it(task):
    grid = budgets._grid(task)
    spent = np.array([[0.0, grid[0] + 0.5, grid[-1]]])
    on_grid = budgets._on_grid(task, spent, np.array([[3.0, 2.0, 1.0]]))[0]
    assert on_grid[0] == 3.0 and on_grid[1] == 2.0 and on_grid[-1] == 1.0


def descents(lbfgs, mixed=1.0, rate=0.3):
    grid = np.array([1.0, 2.0])

    def ending(loss, rate=None):
        return budgets.Descent(grid, np.outer(GROUPS, [1.0, loss]), rate)

    return {
        "SGD": ending(0.5, rate),
        "Adam": ending(0.9, rate),
        budgets.LBFGS: ending(lbfgs),
        budgets.MIXED: ending(mixed),
    }


def test_the_best_rule_of_first_order_has_the_least_mean_loss():
    name, best = budgets.best_first_order(descents(0.1))
    assert name == "SGD"
    np.testing.assert_allclose(best, 0.5 * GROUPS)


@pytest.mark.parametrize(
    ("id", "holds", "fails"),
    [
        ("L43", 0.7, 0.3),
        ("L43.pairs", 0.7, 2.0),
        ("L43.nonconvex", 0.7, 0.3),
        ("L44", 0.3, 0.7),
    ],
)
def test_verdicts_turn_with_the_numbers(id, holds, fails):
    def verdict(lbfgs):
        trained = {
            task: {
                rule: of._replace(
                    loss=of.loss * (1 + 1e-3 * len(rule) * np.array([[0], [1], [-0.5]]))
                )
                for rule, of in descents(lbfgs).items()
            }
            for task in budgets.TASKS
        }
        decided = {c.id: c for c in budgets.claims(second_order.Config(), trained)}
        return decided[id].verdict

    assert (verdict(holds), verdict(fails)) == ("supported", "contradicted")


def test_a_rival_whose_best_rate_is_the_last_of_its_list_decides_nothing():
    config = second_order.Config()
    highest = budgets.rates_of("SGD", config.rates)[-1]
    trained = {task: descents(0.1, rate=highest) for task in budgets.TASKS}
    decided = {claim.id: claim for claim in budgets.claims(config, trained)}
    assert decided["L44"].verdict == "untested"
    assert "highest of its list" in decided["L44"].why
