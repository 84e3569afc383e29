"""Update rules compared after as many gradients, a search's own among them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from experiments import training
from lec7 import data, losses, models, report, runs, train, update_rules

if TYPE_CHECKING:
    from experiments.second_order import Config

CEILING = 1e3  # nats; what a larger loss, or one that is not a number, counts as
LOOKS = 25  # times that a training is looked at
# Middle of the rates that are tried, each the usual one of its rule.
FIRST_ORDER = {
    "SGD": (update_rules.sgd, 0.3),
    "momentum": (update_rules.momentum, 0.03),
    "Adam": (update_rules.adam, 0.01),
}
CONVEX, NETWORK, STOCHASTIC = TASKS = (
    "softmax regression, all examples",
    "network, all examples",
    "network, mini-batches",
)
LBFGS, MIXED = "L-BFGS", "L-BFGS, pairs across batches"
FIGURES = dict(zip(TASKS, ("convex", "network", "stochastic"), strict=True))


class Descent(NamedTuple):
    """Trainings from M seeds."""

    passes: np.ndarray
    """Gradients of the whole training set, or as many examples', [T]."""
    loss: np.ndarray
    """Of the whole training set by then, nats, [M, T]."""
    rate: float | None
    """The best of those tried; None for a rule without one."""


class Task(NamedTuple):
    """What is trained, from which seeds and for how long."""

    model: nn.Module
    dataset: data.Dataset
    seeds: Sequence[int]
    batch_size: int | None
    """Examples an update; None for all."""
    passes: int
    """Gradients of the whole training set that a rule may take."""


def measure(
    config: "Config", context: runs.Context, dataset: data.Dataset
) -> dict[str, dict[str, Descent]]:
    """Train on every task by every rule, task -> rule -> trainings."""
    convex, network = (
        models.MLP(num_classes=dataset.num_classes, widths=widths)
        for widths in ((), (config.width,))
    )
    stochastic = (config.batch_size, config.batch_passes)
    plans = {
        CONVEX: (convex, None, config.passes),
        NETWORK: (network, None, config.passes),
        STOCHASTIC: (network, *stochastic),
    }
    trained = {}
    with context.progress.task("training", len(plans)) as progress:
        for name, (model, batch_size, passes) in plans.items():
            task = Task(model, dataset, config.seeds, batch_size, passes)
            trained[name] = _compare(task, config.first_order, config.rates)
            progress.update(len(trained))
    return trained


def _compare(task, first_order, rates):
    """Train by rules of first order, each tuned alike, and by those that search."""
    found = {
        name: tuned(task, make_rule, rates_of(name, rates))
        for name, (make_rule, _) in FIRST_ORDER.items()
        if name in first_order
    }
    found[LBFGS] = searched(task, update_rules.lbfgs())
    if task.batch_size is not None:
        # Optax's, whose search is told to pass over what else a step offers.
        mixed = (optax.scale_by_lbfgs(), optax.scale(-1.0), update_rules.strong_wolfe())
        found[MIXED] = searched(task, optax.chain(*mixed))
    return found


def rates_of(name: str, rates: int) -> np.ndarray:
    """Return so many learning rates of a rule, the usual one in their middle."""
    factors = 10.0 ** (0.5 * (np.arange(rates) - (rates - 1) // 2))
    return FIRST_ORDER[name][1] * factors


def tuned(
    task: Task,
    make_rule: Callable[[jax.Array], optax.GradientTransformation],
    rates: np.ndarray,
) -> Descent:
    """Train at every rate [R], and keep the one with the lowest loss at the end."""
    rule = optax.inject_hyperparams(make_rule)(learning_rate=float(rates[0]))
    state = _tile(_start(task, rule), len(rates))
    hyperparams = state.opt_state.hyperparams | {
        "learning_rate": jnp.repeat(jnp.float32(rates), len(task.seeds))
    }
    opt_state = state.opt_state._replace(hyperparams=hyperparams)
    spent, loss = _descend(task, rule, state.replace(opt_state=opt_state), repeats=1)
    found = _on_grid(task, spent, loss).reshape(len(rates), len(task.seeds), LOOKS)
    best = int(np.argmin(found[..., -1].mean(axis=1)))
    return Descent(_grid(task), found[best], float(rates[best]))


def searched(task: Task, rule: optax.GradientTransformation) -> Descent:
    """Train by a rule whose state counts the gradients of its searches."""
    # A search takes a gradient at least, besides the one that it begins with.
    spent, loss = _descend(task, rule, _start(task, rule), repeats=2)
    return Descent(_grid(task), _on_grid(task, spent, loss), None)


def _start(task, rule):
    shape = task.dataset.train.images.shape[1:]
    return train.initial_population(
        lambda key: models.initialise(task.model, key, shape), rule, task.seeds
    )


def _tile(state, count):
    members = np.tile(np.arange(len(state.step)), count)
    return jax.tree.map(lambda leaf: leaf[members], state)


def _descend(task, rule, state, *, repeats):
    """Return gradients spent, in passes, and losses at every look, [M, LOOKS + 1]."""
    images, labels = map(jnp.asarray, task.dataset.train)
    size = task.batch_size or len(labels)
    updates = -(-task.passes * len(labels) // (repeats * LOOKS * size))
    step = train.make_step(task.model, rule, losses.cross_entropy)

    def loss(state):
        logits = task.model.apply(state.variables, images, train=False)
        value = jnp.mean(losses.cross_entropy(logits, labels))
        return jnp.minimum(jnp.nan_to_num(value, nan=CEILING), CEILING)

    def fetch(places):
        whole = task.batch_size is None
        return (images, labels) if whole else (images[places], labels[places])

    def update(carry, places):
        state, spent = carry
        state, _ = step(state, fetch(places))
        search = optax.tree.get(state.opt_state, "num_linesearch_steps", 0)
        return (state, spent + (1 + search) * size / len(labels)), None

    def look(carry, places):
        carry, _ = jax.lax.scan(update, carry, places)
        return carry, (carry[1], loss(carry[0]))

    @jax.jit
    @jax.vmap
    def descend(state, places):
        first = jnp.zeros([]), loss(state)
        _, seen = jax.lax.scan(look, (state, first[0]), places)
        return jax.tree.map(lambda a, b: jnp.append(a, b), first, seen)

    return jax.device_get(descend(state, _batches(task, state, updates)))


def _batches(task, state, updates):
    """Return the examples of all updates, [M, LOOKS, U, B]; none if all are taken."""
    members = len(state.step)
    if task.batch_size is None:
        return jnp.zeros((members, LOOKS, updates, 0), jnp.int32)
    orders = [
        data.batch_indices(
            seed,
            0,
            LOOKS * updates,
            batch_size=task.batch_size,
            num_examples=len(task.dataset.train.labels),
        )
        for seed in task.seeds
    ]
    orders = np.stack(orders * (members // len(orders)))
    return jnp.asarray(orders.reshape(members, LOOKS, updates, -1))


def _grid(task):
    return task.passes * np.arange(1, LOOKS + 1) / LOOKS


def _on_grid(task, spent, loss):
    """Return the last loss that was seen within each budget, [M, LOOKS]."""
    rows = [
        row[np.searchsorted(at, _grid(task) * (1 + 1e-6), side="right") - 1]
        for at, row in zip(spent, loss, strict=True)
    ]
    return np.array(rows)


def best_first_order(trained: Mapping[str, Descent]) -> tuple[str, np.ndarray]:
    """Return the tuned rule whose mean final loss is the least, and that loss [M]."""
    finals = {k: of.loss[:, -1] for k, of in trained.items() if of.rate is not None}
    best = min(finals, key=lambda name: finals[name].mean())
    return best, finals[best]


def claims(
    config: "Config", trained: Mapping[str, Mapping[str, Descent]]
) -> list[report.Claim]:
    """Decide where L-BFGS is a good choice."""

    def against_first_order(id, task, time, statement, **side):
        rival, rivals = best_first_order(trained[task])
        rates = rates_of(rival, config.rates)
        at_end = training.end_of(rates, trained[task][rival].rate)
        say = report.Claims(
            source=f"lecture, {time}",
            figure=FIGURES[task],
            untested=at_end and f"{rival}: {at_end}; more rates would show it",
        )
        ends = np.maximum(trained[task][LBFGS].loss[:, -1], 1e-12)
        return say.ratio(
            id,
            statement,
            "training loss at equal gradients, L-BFGS / first order",
            (ends, rivals),
            **side,
        )

    pairs = report.Claims(
        source="Schraudolph et al. 2007, A stochastic quasi-Newton method for online "
        "convex optimization, section 3",
        figure=FIGURES[STOCHASTIC],
    )
    return [
        against_first_order(
            "L43",
            STOCHASTIC,
            "0:50:11",
            "L-BFGS does badly when stochastic: with mini-batches its training loss "
            "ends higher than that of the best rule of first order.",
            above=1,
        ),
        pairs.ratio(
            "L43.pairs",
            "Part of the trouble with mini-batches is the implementation: with the two "
            "gradients of a pair from different batches, as usual, the loss of L-BFGS "
            "ends higher than with both from one.",
            "training loss, across batches / one batch",
            tuple(trained[STOCHASTIC][rule].loss[:, -1] for rule in (MIXED, LBFGS)),
            above=1,
        ),
        against_first_order(
            "L43.nonconvex",
            NETWORK,
            "0:50:11",
            "L-BFGS does badly when the loss is not convex: on a network, with all "
            "examples in every gradient, its training loss ends higher than that of "
            "the best rule of first order.",
            above=1,
        ),
        against_first_order(
            "L44",
            CONVEX,
            "0:50:29",
            "With full batches L-BFGS is a good choice: on a convex loss it ends lower "
            "than the best rule of first order.",
            below=1,
        ),
    ]


def section(task: str, trained: Mapping[str, Descent]) -> report.Section:
    """Show the trainings on a task."""
    return report.Section(
        task[0].upper() + task[1:],
        report.Table(
            ("rule", "learning rate", "final training loss (nats)"),
            [(rule, found.rate, found.loss[:, -1]) for rule, found in trained.items()],
        ),
        report.Curves(
            FIGURES[task],
            {rule: (found.passes, found.loss) for rule, found in trained.items()},
            ("gradients, in passes over the training set", "training loss (nats)"),
            log="y",
            caption="Training loss against the gradients taken, a line search's own "
            "among them; rules of first order at the best of equally many rates each.",
        ),
    )
