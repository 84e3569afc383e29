"""How sharp is a minimum, by every measure there is?

The report card of one network: of a checkpoint of your own on a data set of your own,
or with a function of your own that builds its loss and its batches. Then the layers are
rescaled, which leaves the function alone, and the card is taken again: most measures
move, some do not.

Run: python launch.py --experiment=measure --config.checkpoint=PATH
--config.dataset=NAME, or --config.checkpoint=PATH --config.problem=MODULE:FUNCTION

PATH is a ResNet of torchvision or timm as `safetensors`, such as a `resnet18` or a
`resnet50` that was trained on the classes of the data set, or a checkpoint of an MLP
that sharp_vs_flat has trained. It is measured on 1,024 training images; those for a
ResNet are standardised as ImageNet's are. FUNCTION is for all else. It is called with
the path, and with the data set if it has an argument `dataset`, and returns `loss_fn,
params, batches`: loss_fn takes params and a batch and returns the mean loss over the
batch, also over a batch of one; params is a pytree of floating-point arrays; batches is
a list of pytrees whose leaves have the examples in their first axis. MODULE may be a
file in the current folder. Without a checkpoint an MLP is trained first.

Expected: 1 minute on two CPU cores. Without a checkpoint, on digits: a top eigenvalue
of 0.44, a trace of 2.7, a Keskar sharpness of 0.35 %. With the first layer ten times
larger and the last ten times smaller the eigenvalue is 28 times higher, and what is
measured in units of the parameters changes by 1e-5.

Source: lecture, 0:32:05 (L20); Dinh et al. 2017, arXiv:1703.04933.

Data: digits or any other, or your own
"""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from experiments import measure_network as network
from experiments import measure_problem as problems
from lec7 import curvature, data, report, runs, sharpness

AGREE = 1e-3  # relative difference of two losses that are called equal
TOLERANCE = 0.01  # relative change that counts as none, in single precision
HEADLINE = ("hessian_max", "hessian_trace", "keskar")  # what is said first, if taken

Card = Mapping[str, tuple[sharpness.Row, ...]]
"""Measure -> its row of the report card with each key."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """What is measured."""

    checkpoint: str = ""  # path of a checkpoint; if empty a network is trained first
    dataset: str = "digits"  # name or path of the data set that it is measured on
    # MODULE:FUNCTION, called with the path, returns loss_fn, params, batches
    problem: str = "experiments.measure_network:problem"
    seeds: runs.Seeds = (0, 1, 2)  # of the keys of the measures, at least 2
    # measures to take
    measures: runs.Some[tuple(sharpness.MEASURES)] = tuple(sharpness.MEASURES)
    # that rescales the first layer; the last is divided by it
    factor: runs.Positive = 10.0
    updates: runs.Count = 400  # of the training, where there is no checkpoint

    def _check(self):
        if not re.fullmatch(r"\w+(\.\w+)*:\w+", self.problem):
            raise ValueError(
                f"problem is {self.problem!r}; expected MODULE:FUNCTION, such as "
                "my_project.minima:problem"
            )
        if not self.checkpoint and self.problem != type(self).problem:
            raise ValueError(
                f"problem is {self.problem!r} and checkpoint is empty; expected the "
                "path of a file or folder that this function reads"
            )


SMALL = {
    "seeds": (0, 1),
    "updates": 20,
    "measures": ("hessian_max", "fisher_rao"),
}


class Findings(NamedTuple):
    """The report cards of one network."""

    checkpoint: str
    """Where the network was read from."""
    before: Card
    """As it is."""
    after: Card | None
    """With its layers rescaled, if they can be."""
    refused: str
    """Why they cannot, or empty."""


def run(config: Config, context: runs.Context) -> Findings:
    """Take the report card, rescale the layers, and take it again."""
    with context.phase("problem"):
        if config.checkpoint:
            checkpoint = pathlib.Path(config.checkpoint).expanduser()
        else:
            dataset = data.load(config.dataset)
            checkpoint = network.demonstrate(context, dataset, updates=config.updates)
        chosen = config.dataset != type(config).dataset
        problem = problems.build(
            config.problem, checkpoint, config.dataset, chosen=chosen
        )

    def card(name, of):
        take = functools.partial(take_card, config, context, of, name)
        return context.once(name, Card, take)

    with context.phase("sharpness"):
        before, after, refused = card("report card", problem), None, ""
        context.progress.say(str(sharpness.Card(rows[0] for rows in before.values())))
        try:
            same = rescaled(problem, config.factor)
        except ValueError as error:
            refused = str(error)
        else:
            after = card("rescaled", same)
    return Findings(str(checkpoint), before, after, refused)


def take_card(
    config: Config, context: runs.Context, problem: problems.Problem, title: str
) -> Card:
    """Take the report card with several keys.

    Raises:
      UsageError: a measure refuses the problem.
    """
    rows = {name: () for name in config.measures}
    total = len(rows) * len(config.seeds)
    with context.progress.task(title, total, unit="measure") as task:
        for name in rows:
            for seed in config.seeds:
                rows[name] += (_row(config, problem, name, seed),)
                task.update(sum(map(len, rows.values())))
    return rows


def _row(config, problem, name, seed):
    key, measures = jax.random.key(seed), {name: sharpness.MEASURES[name]}
    try:
        (row,) = sharpness.report_card(*problem, key=key, measures=measures)
    except ValueError as error:
        raise runs.UsageError(f"--config.problem={config.problem}: {error}") from error
    if "failed" in row.settings:
        raise runs.UsageError(
            f"--config.problem={config.problem}: {name} refuses it: "
            f"{row.settings['failed']} (name the other measures in --config.measures "
            "to leave this one out)"
        )
    return row


def rescaled(problem: problems.Problem, factor: float) -> problems.Problem:
    """Return the same function with its first layer times, its last over a factor.

    Raises:
      ValueError: its layers cannot be rescaled, or the loss is another one then.
    """
    count = sum(
        path[-1] == jax.tree_util.DictKey("kernel")
        for path, _ in jax.tree.leaves_with_path(problem.params)
    )
    if count < 2:
        raise ValueError(
            f"there are {count} layers with a kernel; expected two or more"
        )
    factors = (factor, *[1.0] * (count - 2), 1 / factor)
    params = sharpness.rescale_layers(problem.params, factors)
    loss = functools.partial(curvature.mean_loss, problem.loss_fn)
    before, after = (float(loss(p, problem.batches)) for p in (problem.params, params))
    if abs(after - before) > AGREE * abs(before):
        raise ValueError(
            f"the loss goes from {before:.6g} to {after:.6g}, so this is not a ReLU "
            "network, or its layers are not in the order of their names"
        )
    return problem._replace(params=params)


def _values(card):
    """Return measure -> values [S]."""
    return {name: np.array([row.value for row in card[name]]) for name in card}


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide what the rescaling changes, and show the card."""
    if found.after is None:
        remark = f"The layers were not rescaled: {found.refused}."
    else:
        remark = (
            f"The rescaled network has its first layer multiplied by {config.factor:g} "
            "and its last divided by it, biases accordingly. It is the same function."
        )
    means = {
        name: f"a {sharpness.TITLES[name]} of "
        f"{report.format_number(float(values.mean()))}"
        for name, values in _values(found.before).items()
    }
    first = [means[name] for name in HEADLINE if name in means] or [*means.values()]
    changes = _changes(found)
    return report.Report(
        title="Report card of a minimum",
        summary=f"The minimum has {report.listing(first[:2])}.\n\n{remark}",
        claims=report.family(_claims(found, changes)),
        sections=[_card(config, found, changes, remark), _settings(found.before)],
    )


def _changes(found):
    """Return each measure after the rescaling over that before it, [S]."""
    if found.after is None:
        return {}
    before, after = _values(found.before), _values(found.after)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: after[name] / before[name] for name in before}


def _claims(found, changes):
    dinh = {"source": "Dinh et al. 2017, arXiv:1703.04933, theorem 4", "figure": "card"}
    same = [name for name in changes if found.before[name][0].invariant]
    claims = []
    if same:
        claims.append(
            report.Claims(**dinh, kind="identity").exact(
                "Dinh.invariant",
                "Measures in units of the parameters are the same for the same "
                "function after a rescaling of its layers.",
                "largest relative change of a measure",
                max(np.abs(changes[name] - 1).max() for name in same),
                below=TOLERANCE,
            )
        )
    if "hessian_max" in changes:
        claims.append(
            report.Claims(**dinh, kind="identity").exact(
                "Dinh.raw",
                "The same function can be made sharper: the top eigenvalue of the "
                "Hessian grows when layers are rescaled.",
                "ratio, after / before",
                changes["hessian_max"].min(),
                above=1,
            )
        )
    return claims


def _card(config, found, changes, remark):
    header = ("measure", "value", "standard error", "survives rescaling")
    return report.Section(
        "Report card",
        f"The network is that in `{found.checkpoint}`, as `{config.problem}` reads it. "
        f"{remark}\n\nThe value is the mean ± standard deviation over "
        f"{len(config.seeds)} keys; the standard error is what one key says of its own "
        "error, which the highest point of one search has none of. Gradients are what "
        "a measure costs, in gradients of the mean loss over all examples.",
        report.Table(
            (*header, "rescaled / as it is", "gradients"),
            [
                (
                    sharpness.TITLES[name],
                    np.array([row.value for row in rows]),
                    _known(np.mean([row.standard_error for row in rows])),
                    "yes" if rows[0].invariant else "no",
                    float(np.mean(changes[name])) if changes else None,
                    float(np.mean([row.cost for row in rows])),
                )
                for name, rows in found.before.items()
            ],
            "Mean ± standard deviation over keys.",
        ),
        _card_figure(config, found),
    )


def _known(value):
    """Return a number of which there is one, or None."""
    return None if np.isnan(value) else float(value)


def _card_figure(config, found):
    cards = {"as it is": found.before}
    if found.after is not None:
        cards["rescaled"] = found.after
    names = {name: sharpness.TITLES[name] for name in found.before}
    same = [names[name] for name in names if found.before[name][0].invariant]
    return report.Forest(
        "card",
        list(names.values()),
        {group: list(_values(card).values()) for group, card in cards.items()},
        "value, in the unit of each measure",
        log=True,
        bold=same,
        ends=_ends,
        caption=f"Mean of every measure over {len(config.seeds)} keys, from the lowest "
        "to the highest. In bold what a rescaling of the layers leaves alone.",
    )


def _ends(values):
    return np.min(values), np.mean(values), np.max(values)


def _settings(card):
    shared = next(iter(card.values()))[0].settings
    return report.Section(
        "Settings",
        f"On {shared['examples']:,} examples (m-sharpness leaves out what fills no "
        f"sub-batch), in {shared['dtype']}. Numbers of two networks compare only where "
        "loss, examples, type and settings are the same.",
        report.Table(
            ("measure", "settings"),
            [(sharpness.TITLES[name], _text(card[name][0])) for name in card],
        ),
    )


def _text(row):
    own = {
        n: v for n, v in row.settings.items() if n not in ("key", "dtype", "examples")
    }
    return ", ".join(f"{name} {value}" for name, value in own.items()) or "none"
