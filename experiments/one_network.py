"""How good does one network become with one rule, one rate and one regulariser?

A network is trained from several seeds with a single setting of everything, and nothing
is compared. It is the experiment for a sweep: what the best setting is, and how much
each matters, `--sweep` answers with one such run for each setting. A training that
explodes is no failure here but has no value.

Run: python launch.py --experiment=one_network

Expected: 1 minute on two CPU cores, half of it to compile. The network is right on 97.5
+- 0.4 % of the test examples, with a validation loss of 0.104 +- 0.014 nats. All four
claims are supported: the test loss is 0.10 nats above the training loss (0.03 to 0.17),
and the validation loss ends 1.04 times its lowest (1.03 to 1.06).

Source: lecture, 0:26:57 to 0:46:44 and 1:00:26

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import jax
import numpy as np
import optax

from experiments import minima, tested, training
from lec7 import (
    curvature,
    data,
    report,
    runs,
    schedules,
    sharpness,
    train,
    update_rules,
)

MEMBERS = ("learning_rate", "decay", "weight_decay", "seeds")
"""Fields in which networks that are trained together may differ."""
RULES: Mapping[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": lambda rate, decay: update_rules.sgd(rate),
    "momentum": lambda rate, decay: update_rules.momentum(rate, decay=decay),
    "nesterov": lambda rate, decay: update_rules.nesterov(rate, decay=decay),
    "adagrad": lambda rate, decay: update_rules.adagrad(rate),
    "rmsprop": lambda rate, decay: update_rules.rmsprop(rate, decay=decay),
    "adam": lambda rate, decay: update_rules.adam(rate, b1=decay),
    "adamw": lambda rate, decay: update_rules.adam(rate, b1=decay),
}
SCHEDULES: Mapping[str, Callable[..., training.Rate]] = {
    "constant": lambda rate, updates: rate,
    "cosine": lambda rate, updates: schedules.cosine_decay(rate, steps=updates),
    "step": lambda rate, updates: schedules.step_decay(
        rate, factor=0.1, every=max(1, updates // 3)
    ),
}
SPLITS = ("train", "validation", "test")
FITTED = 0.05  # nats of training loss at which the examples count as learned
LATE = 1.1  # times the lowest validation loss that training on may cost
LOSS, ACCURACY = "loss (nats)", "accuracy (%)"

Weight = Annotated[float, runs.at_least(0)]
Share = Annotated[float, runs.Range("at least 0 and less than 1", lambda x: 0 <= x < 1)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """One setting of everything."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Draws = tuple(range(10))  # networks of a population; claims need 3
    model: training.Model = "mlp"  # network
    width: runs.Count = 64  # units of each of the two hidden layers of an mlp
    rule: Literal[tuple(RULES)] = "momentum"  # adamw decays beside Adam
    learning_rate: runs.Positive = 0.03  # the first one, where a schedule lowers it
    # share of the past that the velocity or the average of a rule keeps
    decay: Share = 0.9
    schedule: Literal[tuple(SCHEDULES)] = "cosine"  # step: a tenth after each third
    weight_decay: Weight = 0.0  # gradient of .5 weight_decay |x|^2; of adamw beside it
    dropout: Share = 0.0  # probability of dropping a hidden unit of an mlp or convnet
    label_smoothing: Share = 0.0  # share of a label that all classes have equally
    batch_size: runs.Count = 32  # examples an update
    updates: runs.Count = 1_000  # of the training
    evaluate_every: runs.Count = 50  # updates between two looks along the way


SMALL = {
    "seeds": (0, 1),
    "width": 8,
    "dropout": 0.1,
    "label_smoothing": 0.1,
    "updates": 16,
    "evaluate_every": 4,
}


class Findings(NamedTuple):
    """All that was measured of M networks."""

    record: train.Record
    """The training, with labels as they are, and of each batch the loss alone."""
    tested: tested.Tested
    """What each network makes of each test example."""
    frequent: np.ndarray
    """Whether a test example is of the most frequent training class, bool [N]."""
    top_eigenvalue: np.ndarray
    """Of the Hessian of the training loss at the end, NaN of an exploded one, [M]."""
    rates: np.ndarray
    """Learning rate of every update, [T]."""
    parameters: int
    """Of a network."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train the networks of one setting."""
    return run_together([config], context)[0]


def run_together(configs: Sequence[Config], context: runs.Context) -> list[Findings]:
    """Train the networks of several settings as one population.

    Args:
      configs: that differ in `MEMBERS` alone.
      context: of all of them.

    Returns:
      What was measured, for each setting.
    """
    config = configs[0]
    study = training.Study(config, context, ("batch_size",))
    build = _build(config)
    with context.phase("training"):
        population = _train(configs, study, build)
    with context.phase("measuring"):
        networks = minima.members(population)
        model = study.network(build)
        answers = tested.test(model, networks, study.dataset.test)
        top = _curvature(configs, context, study, model, networks)
    labels, found, first = study.dataset.test.labels, [], 0
    frequent = np.bincount(study.dataset.train.labels).argmax()
    for config in configs:
        members = slice(first, first := first + len(config.seeds))
        found.append(
            Findings(
                record=_evaluated(population.record.part(members)),
                tested=answers.part(members),
                frequent=labels == frequent,
                top_eigenvalue=top[members],
                rates=_rates(config),
                parameters=sum(x.size for x in jax.tree.leaves(networks[0]["params"])),
            )
        )
    return found


def _build(config):
    needs = ("dropout",) if config.dropout else ()
    return training.named(
        config.model,
        needs=needs,
        widths=(config.width, config.width),
        dropout=config.dropout,
    )


def _train(configs, study, build):
    config, members = configs[0], [len(config.seeds) for config in configs]
    own = {name: [getattr(c, name) for c in configs] for name in MEMBERS[:-1]}
    return study.population(
        build,
        optax.inject_hyperparams(functools.partial(_rule, config))(
            **{name: values[0] for name, values in own.items()}
        ),
        name="training",
        batch_size=config.batch_size,
        updates=config.updates,
        evaluate_every=config.evaluate_every,
        seeds=[seed for config in configs for seed in config.seeds],
        hyperparams={name: np.repeat(of, members) for name, of in own.items()},
        augment=_smoothed(config.label_smoothing, study.dataset.num_classes),
        ceiling=train.CEILING,
    )


def _rule(config, learning_rate, decay, weight_decay):
    """Return the update rule, whose three numbers each network has of its own."""
    rate = SCHEDULES[config.schedule](learning_rate, config.updates)
    rule = RULES[config.rule](rate, decay)
    if config.rule == "adamw":
        beside = update_rules.decoupled_decay(rate, weight_decay, pattern="kernel$")
        return optax.chain(rule, beside)
    inside = update_rules.l2_in_loss(weight_decay, pattern="kernel$")
    return optax.chain(inside, rule)


def _smoothed(share, classes):
    """Return what is done to a batch, so that losses are of the labels as they are."""
    if not share:
        return None

    def smooth(keys, images, labels):
        del keys
        return images, (1 - share) * jax.nn.one_hot(labels, classes) + share / classes

    return smooth


def _evaluated(record):
    """Return the record without what a population keeps only of few members."""
    kept = {
        name: values
        for name, values in record.history.items()
        if not name.startswith(("accuracy", "gradient_norm"))
    }
    return record._replace(history=kept)


def _curvature(configs, context, study, model, networks):
    """Return the top eigenvalue at each network, NaN at one that exploded, [M]."""
    size = training.chunk(configs[0].model)
    batches = {"train": data.chunks(study.dataset.train, size)}
    seeds = [seed for config in configs for seed in config.seeds]
    probe = minima.Probe(model, batches, seeds, context.progress)

    def measure(seed, network):
        if not np.isfinite(float(curvature.mean_loss(*probe.at(network)))):
            return np.nan
        return sharpness.hessian_max(*probe.at(network), key=jax.random.key(seed)).value

    return np.array(probe.each("top eigenvalue", networks, measure))


def _rates(config):
    rate = SCHEDULES[config.schedule](config.learning_rate, config.updates)
    steps = range(config.updates)
    return np.array([float(rate(t)) if callable(rate) else rate for t in steps])


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show how the training went."""
    claims = report.family(_claims(found))
    return report.Report(
        title="One network",
        summary=_summary(config, found, claims),
        claims=claims,
        sections=[_became(config, found), _training(config, found)],
    )


def _claims(found):
    final, right = found.record.final, found.tested.accuracy()
    training_loss = np.broadcast_to(final["train_loss"][:, None], right.shape)
    frequent = np.broadcast_to(100.0 * found.frequent, right.shape)
    accuracy, loss = (
        report.Claims(source="this experiment", figure=figure)
        for figure in ("accuracy", "loss")
    )
    claims = [
        accuracy.paired(
            "frequent",
            "The network is right on more test examples than one that always answers "
            "with the most frequent class of the training examples.",
            "points of test accuracy, network − most frequent class",
            (right, frequent),
            above=0,
        ),
        loss.mean(
            "fitted",
            "It has learned its training examples: their loss ends below "
            f"{FITTED:g} nats.",
            "nats of training loss",
            final["train_loss"],
            below=FITTED,
        ),
        loss.paired(
            "gap",
            "It has a generalisation gap: the loss on test examples is higher than on "
            "training examples.",
            "nats, test − training",
            (found.tested.losses, training_loss),
            above=0,
        ),
    ]
    if "validation_loss" not in found.record.history:
        return claims
    lowest = found.record.history["validation_loss"].min(axis=0)
    return [
        *claims,
        loss.ratio(
            "late",
            "To stop earlier would have gained little: the validation loss ends within "
            f"{100 * (LATE - 1):.0f} % of the lowest along the way.",
            "validation loss, end / lowest",
            (final["validation_loss"], lowest),
            below=LATE,
        ),
    ]


def _summary(config, found, claims):
    told = functools.partial(report.by_verdict, claims)
    more = "more", "fewer", "not clearly more"
    learned = "are", "are not", "may or may not be"
    accuracy = report.format_spread(found.record.percent("test"))
    text = (
        f"With {config.rule} at a rate of {config.learning_rate:g}, the {config.model} "
        f"is right on {accuracy} % of the test examples of {config.dataset}, "
        f"{told('frequent', *more)} than the most frequent class; its training "
        f"examples {told('fitted', *learned)} learned."
    )
    if "validation_loss" in found.record.final:
        loss = report.format_spread(found.record.final["validation_loss"])
        text += (
            f"\n\nIts validation loss, by which a sweep chooses, is {loss} nats, the "
            "mean ± the standard deviation over seeds."
        )
    return text


def _became(config, found):
    final = found.record.final
    return report.Section(
        "What it became",
        f"{found.parameters:,} parameters, trained by {config.updates:,} updates of "
        f"{config.batch_size} examples. Losses are cross-entropies with the labels as "
        "they are, whatever the labels and penalties of the training.",
        report.Table(
            ("split", LOSS, ACCURACY),
            [
                (name, final[f"{name}_loss"], found.record.percent(name))
                for name in SPLITS
                if f"{name}_loss" in final
            ],
        ),
        "The top eigenvalue of the Hessian of the training loss is "
        f"{report.format_spread(found.top_eigenvalue)} at the end. Gradient descent "
        "with all examples at once and the rate r bears no more than 2 / r, at the "
        f"first rate {report.format_number(2 / config.learning_rate)}.",
    )


def _training(config, found):
    along = [x for x in SPLITS if f"{x}_loss" in found.record.history]
    return report.Section(
        "Training",
        *(
            report.Curves(
                name,
                {split: _curve(found.record, split, name, scale) for split in along},
                ("updates", label),
                log=log,
                ceiling=ceiling,
                levels=levels,
                caption=f"The {name} along the way.",
            )
            for name, label, scale, log, ceiling, levels in (
                ("loss", LOSS, 1, "y", 100, None),
                (
                    "accuracy",
                    ACCURACY,
                    100,
                    "",
                    None,
                    {"most frequent class, test": 100 * float(found.frequent.mean())},
                ),
            )
        ),
        report.Curves(
            "rates",
            {config.schedule: (np.arange(config.updates), found.rates)},
            ("updates", "learning rate"),
            caption="The learning rate of every update.",
        ),
    )


def _curve(record, split, name, scale):
    steps, values = (record.history[f"{split}_{name}{end}"] for end in ("_step", ""))
    return steps + 1, scale * values.T
