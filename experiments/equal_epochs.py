"""Large batches after as many epochs: sharper by Keskar's box, and in Li's pictures?

Two papers compare batch sizes after equal numbers of epochs. Keskar's network F1, dense
layers with BatchNorm, is trained by Adam on small batches and on batches of a tenth of
the data, and the loss is sought that is highest in a box around it. Then the network is
trained by SGD with weight decay and without, as Li et al. do, and the loss is drawn on
the line through the minima of both batch sizes.

Run: python launch.py --experiment=equal_epochs

Expected: 3 minutes on two CPU cores. By Keskar's box the large batch is 1.5 times (1.1
to 2.1) sharper, not more than ten times as in the paper; its test accuracy is 1.7
points lower. On the line the loss beyond its minimum is 101 times as high as beyond
the small batch's, and with weight decay 13 times: less, but not reversed, as 16 epochs
leave the small batch's parameters the longer ones.

Source: Keskar et al. 2017, arXiv:1609.04836, tables 2 and 3; Li et al. 2018,
arXiv:1712.09913, section 3 and figure 2

Data: mnist5k, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np
import optax

from experiments import minima, tested, training
from experiments import sharp_vs_flat_connections as connections
from lec7 import data, report, runs, sharpness, train, update_rules

SMALL_BATCH, LARGE_BATCH = GROUPS = minima.GROUPS
KESKAR = "Keskar et al. 2017, arXiv:1609.04836"
LI = "Li et al. 2018, arXiv:1712.09913, figure 2"
PLAIN, DECAYED = SETTINGS = ("no weight decay", "weight decay")
ADAM = "Adam"
FACTOR = 10.0  # by which Keskar's sharpness grows, at the least
FALLS = (1 / 2, 3 / 4, 11 / 12)  # of a training, after which the rate falls to a tenth
RATIO = "large / small batch"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which networks are trained, and for how long."""

    dataset: str = "mnist5k"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Seeds = tuple(range(8))  # networks of a population, at least 2
    width: runs.Count = 64  # units of each hidden layer; Keskar et al. have 512
    depth: runs.Count = 5  # hidden layers
    epochs: runs.Count = 16  # passes of every training over the data
    small_batch: runs.Several = 16  # examples an update
    large_share: runs.Fraction = 0.1  # of the training examples, those of a large batch
    adam_rate: runs.Positive = 1e-3  # learning rate of Adam, for Keskar's measure
    learning_rate: runs.Positive = 0.1  # of SGD, for Li's pictures
    momentum: runs.Fraction = 0.9  # of SGD
    weight_decay: runs.Positive = 5e-4  # of the L2 penalty's gradient
    epsilon: runs.Positive = 1e-3  # half-width of Keskar's box, relative to |w| + 1
    starts: runs.Count = 1  # random starts of the search for the worst point in the box
    # training examples that minima are measured on
    measured_examples: runs.Count = 512


SMALL = {
    "dataset": "digits",
    "seeds": (0, 1),
    "width": 8,
    "depth": 1,
    "epochs": 1,
    "small_batch": 64,
    "large_share": 0.2,
    "starts": 1,
    "measured_examples": 64,
}


class Trained(NamedTuple):
    """M networks of one batch size."""

    record: train.Record
    tested: tested.Tested
    lengths: np.ndarray
    """Of the parameters [M]."""


class Findings(NamedTuple):
    """All that was measured, by the names of `GROUPS`."""

    batches: Mapping[str, int]
    """Examples an update."""
    size: int
    """P, the number of parameters."""
    test_examples: int
    adam: Mapping[str, Trained]
    box: Mapping[str, np.ndarray]
    """Keskar's sharpness [M], percent."""
    sgd: Mapping[str, Mapping[str, Trained]]
    """Name of `SETTINGS` -> by group."""
    lines: Mapping[str, connections.Line]
    """Name of `SETTINGS` -> loss and accuracy through both minima."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train with both batch sizes, and measure the minima."""
    study = training.Study(config, context, ("small_batch",))
    batches = _batches(config, study)
    with context.phase("training"):
        trained = {
            (setting, group): _train(config, study, setting, group, batches[group])
            for setting in (ADAM, *SETTINGS)
            for group in GROUPS
        }
    probe = _probe(config, context, study)
    networks = {name: minima.members(of) for name, of in trained.items()}
    with context.phase("sharpness"):
        box = {
            group: _box(config, probe, group, networks[ADAM, group]) for group in GROUPS
        }
    with context.phase("lines"):
        lines = {
            setting: connections.line(
                probe,
                list(zip(*(networks[setting, g] for g in GROUPS), strict=True)),
            )
            for setting in SETTINGS
        }
    adam, *sgd = (
        {group: _told(probe, study, trained[setting, group]) for group in GROUPS}
        for setting in (ADAM, *SETTINGS)
    )
    return Findings(
        batches=batches,
        size=optax.tree.size(networks[ADAM, SMALL_BATCH][0]["params"]),
        test_examples=len(study.dataset.test.labels),
        adam=adam,
        box=box,
        sgd=dict(zip(SETTINGS, sgd, strict=True)),
        lines=lines,
    )


def _batches(config, study):
    """Return the examples of an update, group -> how many the devices can share."""
    examples, devices = len(study.dataset.train.labels), len(study.devices)
    large = max(round(config.large_share * examples) // devices * devices, devices)
    if large <= config.small_batch:
        raise runs.UsageError(
            f"--config.small_batch={config.small_batch}: expected less than {large}, "
            f"which is {config.large_share:g} of the {examples:,} training examples"
        )
    return dict(zip(GROUPS, (config.small_batch, large), strict=True))


def _told(probe, study, population):
    networks = minima.members(population)
    answers = tested.test(probe.model, networks, study.dataset.test)
    return Trained(population.record, answers, minima.lengths(population))


def _network(config):
    widths = (config.width,) * config.depth
    return training.named("mlp", widths=widths, batch_norm=True)


def _rule(config, setting, updates):
    """Return Adam, or SGD whose rate falls three times, as that of Li et al. does."""
    if setting == ADAM:
        return update_rules.adam(config.adam_rate)
    falls = {round(share * updates): 0.1 for share in FALLS}
    rate = optax.piecewise_constant_schedule(config.learning_rate, falls)
    sgd = update_rules.momentum(rate, decay=config.momentum)
    if setting == PLAIN:
        return sgd
    return optax.chain(update_rules.l2_in_loss(config.weight_decay), sgd)


def _train(config, study, setting, group, batch_size):
    """Train one population for the epochs of the configuration."""
    epoch = -(-len(study.dataset.train.labels) // batch_size)
    updates = config.epochs * epoch
    return study.population(
        _network(config),
        _rule(config, setting, updates),
        name=f"{setting} {group}",
        batch_size=batch_size,
        updates=updates,
        evaluate_every=epoch,
        watch=("train",),
    )


def _probe(config, context, study):
    """Return what looks at the networks, on training examples alone."""
    first = slice(config.measured_examples)
    measured = data.Split(*(leaf[first] for leaf in study.dataset.train))
    batches = {"train": data.chunks(measured, config.measured_examples)}
    model = study.network(_network(config))
    return minima.Probe(model, batches, config.seeds, context.progress)


def _box(config, probe, group, networks):
    """Return Keskar's sharpness [M], with the statistics of the examples at hand."""
    loss_fn = connections.training_loss(probe.model)

    def measure(seed, variables):
        found = sharpness.keskar(
            jax.tree_util.Partial(loss_fn, variables["batch_stats"]),
            variables["params"],
            probe.batches["train"],
            key=jax.random.key(seed),
            epsilon=config.epsilon,
            starts=config.starts,
        )
        return found.value

    return np.array(probe.each(f"box, {group}", networks, measure))


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show the box and the lines."""
    claims = report.family([*_box_claims(found), *_line_claims(found)])
    return report.Report(
        title="Batch sizes after equal epochs",
        summary=_summary(claims),
        claims=claims,
        sections=[_trained(config, found), _keskar(config, found), _li(config, found)],
    )


def _summary(claims):
    told = functools.partial(report.by_verdict, claims)
    looks = "looks the sharper", "looks the flatter", "does not clearly look sharper"
    reversed_ = told("picture.decay", *(looks[place] for place in (1, 0, 2)))
    effects = report.effects(claims)
    return (
        "By Keskar's box the large batch's minimum is "
        + told(
            "keskar",
            f"more than {FACTOR:g} times as sharp (a ratio of {{}})",
            f"{{}} times as sharp, not more than {FACTOR:g} times as in the paper",
            f"{{}} times as sharp, which leaves open a ratio above {FACTOR:g}",
        )
        + f"; on the line through both it {told('picture.plain', *looks)} without "
        f"weight decay, and {reversed_} with it."
        "\n\nOn that line the loss beyond the large batch's minimum is "
        f"{effects['picture.plain']} times as high as beyond the small batch's without "
        f"weight decay, and {effects['picture.decay']} times with it."
    )


def _accuracy(of):
    return tuple(of[group].record.percent("test") for group in GROUPS)


def _worse(say, id, start, of):
    """Decide whether the large batch generalises worse."""
    return say.paired(
        id,
        f"{start}, at one rate and after as many epochs, the large batch generalises "
        "worse: its test accuracy is lower.",
        "points of test accuracy, small − large batch",
        tuple(of[group].tested.accuracy() for group in GROUPS),
        above=0,
    )


def _box_claims(found):
    table = report.Claims(source=f"{KESKAR}, table 3, F1", figure="box")
    tested = report.Claims(source=f"{KESKAR}, table 2, F1", figure="box")
    return [
        table.ratio(
            "keskar",
            "The large batch ends in the sharper minimum: Keskar's sharpness is more "
            f"than {FACTOR:g} times as high.",
            f"Keskar's sharpness, {RATIO}",
            (found.box[LARGE_BATCH], found.box[SMALL_BATCH]),
            above=FACTOR,
        ),
        _worse(tested, "keskar.worse", "With Adam", found.adam),
    ]


def _line_claims(found):
    say = report.Claims(source=LI, figure="beyond")
    rows = {
        PLAIN: ("plain", "Without weight decay", "large", {"above": 1}),
        DECAYED: ("decay", "With weight decay", "small", {"below": 1}),
    }
    claims = []
    for setting, (id, start, sharp, ends) in rows.items():
        of = found.sgd[setting]
        small, large = connections.beyond_ends(found.lines[setting])
        longer = "shorter" if setting == PLAIN else "longer"
        claims += [
            say.ratio(
                f"picture.{id}",
                f"{start} the {sharp} batch's minimum looks the sharper on the line "
                "through both: the loss beyond it is higher.",
                f"loss beyond the minimum, {RATIO}",
                (large, small),
                **ends,
            ),
            say.ratio(
                f"length.{id}",
                f"{start} the parameters of the large batch are the {longer} ones.",
                f"length of the parameters, {RATIO}",
                (of[LARGE_BATCH].lengths, of[SMALL_BATCH].lengths),
                **({"below": 1} if setting == PLAIN else {"above": 1}),
            ),
            _worse(say, f"worse.{id}", start, of),
        ]
    return claims


def _trained(config, found):
    rows = [
        (setting, group, f"{found.batches[group]:,}", of.record.updates)
        + (of.record.final["train_loss"], of.record.percent("train"))
        + (of.record.percent("test"), of.lengths)
        for setting, groups in ({ADAM: found.adam} | dict(found.sgd)).items()
        for group, of in groups.items()
    ]
    return report.Section(
        "Training",
        f"A network of {config.depth} hidden layers of {config.width} units with "
        f"BatchNorm, {found.size:,} parameters, is trained for {config.epochs} epochs "
        "from the same starts. F1 has 512 units a layer; its small batch of 256 is as "
        "small a share of 60,000 images as the one here of these. Adam's rate is "
        f"{config.adam_rate:g}; SGD has the rate {config.learning_rate:g}, which falls "
        "to a tenth after a half, three quarters and eleven twelfths, and momentum "
        f"{config.momentum:g}, with a weight decay of {config.weight_decay:g} or none.",
        report.Table(
            ("rule", "population", "batch", "updates", "training loss (nats)")
            + ("train (%)", "test (%)", "length of the parameters"),
            rows,
            f"Mean ± standard deviation over seeds; {found.test_examples:,} test "
            "examples.",
        ),
    )


def _keskar(config, found):
    return report.Section(
        "Keskar's box",
        f"How far the loss rises at most in the box `|z| <= {config.epsilon:g} (|w| + "
        f"1)`, in percent of 1 + loss, on {config.measured_examples:,} training "
        f"examples at most, found by {config.starts} searches of ten iterations of "
        "L-BFGS-B. BatchNorm has the statistics of these examples at every point, as "
        "in the paper's own code. In the paper it is 1.23 ± 0.83 for the small batch "
        "and 205 ± 70 for the large one; the box of a wider network allows more.",
        report.Table(("population", "Keskar's sharpness (%)"), list(found.box.items())),
        report.Paired(
            "box",
            {
                "Keskar's sharpness (%)": list(found.box.values()),
                "test error (%)": [100 - of for of in _accuracy(found.adam)],
            },
            GROUPS,
            log=True,
            caption="Sharpness and test error of the networks that Adam trained.",
        ),
    )


def _li(config, found):
    beyond = {name: connections.beyond_ends(of) for name, of in found.lines.items()}
    return report.Section(
        "Li's pictures",
        "A line between two minima is drawn in units of their distance, so what looks "
        "sharp on it depends on the length of the parameters too. BatchNorm makes the "
        "loss independent of the length of what it normalises, and weight decay "
        "shortens it with every update, of which a small batch makes more in as many "
        "epochs. One number stands for the picture: the loss as far beyond each end as "
        "the ends are from each other.",
        report.Paired(
            "beyond",
            {f"{name}: loss beyond (nats)": list(of) for name, of in beyond.items()}
            | {
                f"{name}: length": [of[group].lengths for group in GROUPS]
                for name, of in found.sgd.items()
            },
            GROUPS,
            log=True,
            caption="Training loss beyond each minimum on the line through both, and "
            "the length of the parameters.",
        ),
        *(
            connections.line_figure(
                f"line_{name.replace(' ', '_')}",
                of,
                f"With {'' if name == DECAYED else 'no '}weight decay: loss (blue) and "
                "accuracy (orange) on the line between the two minima of a seed",
            )
            for name, of in found.lines.items()
        ),
    )
