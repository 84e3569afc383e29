"""Does a network learn more than what a linear classifier on the pixels could tell?

Networks are trained on a data set, one a seed, and put into the zoo under a name, with
a card that says on what, how, how well and by which code. The experiment `transfer`
takes them by that name. A linear classifier trained alike tells whether there are
features worth taking over; neither has a rate of its own.

Run: python launch.py --experiment=pretrain --config.dataset=letters

Expected: 1 minute on two CPU cores. On letters the networks are 28.8 (26.4 to 31.3)
points of test accuracy better than linear classifiers.

Source: lecture, 1:09:55 to 1:13:32 (L67 to L71)

Data: letters (of glyphs), or any other by name or path
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from experiments import domains, pretraining, tested
from lec7 import data, files, hosts, models, report, runs, train, transfer

SMALL = {
    "dataset": "digits",
    "name": "network",
    "seeds": (0, 1),
    "recipe.channels": (4,),
    "recipe.dense": (4,),
    "recipe.batch_size": 16,
    "recipe.updates": 8,
    "recipe.evaluate_every": 8,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """On what networks are trained, how, and under which name they are kept."""

    # name of a data set: letters, numerals, or one of lec7 or of TFDS
    dataset: str = "letters"
    # in the zoo, one plain name; empty for that of the data set with hyphens
    name: str = ""
    seeds: runs.Seeds = tuple(range(10))  # networks, at least 2
    recipe: pretraining.Recipe = pretraining.Recipe()

    def _check(self):
        files.require_name(self.network)

    @property
    def network(self) -> str:
        """What the zoo calls the networks."""
        plain = self.dataset.lstrip("/.~")  # of a path
        return self.name or plain.replace("/", "-").replace(":", "-")


class Findings(NamedTuple):
    """What was trained."""

    card: transfer.Card
    """Of the networks."""
    folder: str
    """Of the zoo, where they are."""
    parameters: int
    """Of a network."""
    linear: Mapping[str, np.ndarray]
    """Split -> accuracy of the linear classifiers, [M]."""
    right: Mapping[str, np.ndarray]
    """`network` and `linear` -> whether a test example is right, bool [M, N]."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train networks and linear classifiers, and put the networks into the zoo."""
    hosts.from_first(lambda: _require_free(config))
    with context.phase("data"):
        dataset = domains.load(config.dataset)
    with context.phase("training"):
        network = pretraining.train_networks(
            dataset, config.recipe, config.seeds, context
        )
        card, standard = network.card, data.standardise(dataset)
        plain = models.MLP(
            num_classes=card.num_classes, widths=(), axis_name=train.DEVICE_AXIS
        )
        linear = pretraining.fit(
            plain,
            standard,
            config.recipe,
            config.seeds,
            context,
            name="linear",
        )
    with context.phase("zoo"):
        folder = hosts.from_first(
            lambda: transfer.save_network(config.network, network)
        )
    params = jax.tree.map(lambda leaf: leaf[0], network.variables["params"])
    return Findings(
        card=card,
        folder=str(folder),
        parameters=transfer.count_parameters(params),
        linear={of: linear.final[f"{of}_accuracy"] for of in ("train", "test")},
        right={
            name: tested.right(model, variables, standard.test)
            for name, model, variables in (
                (
                    "network",
                    pretraining.make_model(card, card.num_classes),
                    network.variables,
                ),
                ("linear", plain, linear.variables),
            )
        },
    )


def _require_free(config):
    """Refuse to replace networks that were trained in another way."""
    folder = transfer.network_folder(config.network)
    if not folder.exists():
        return
    card = transfer.load_network(config.network).card
    wanted = (config.dataset, list(config.seeds), pretraining.as_json(config.recipe))
    if (card.dataset, card.seeds, card.config) != wanted:
        raise runs.UsageError(
            f"the zoo has networks {config.network!r} trained in another way: expected "
            f"a new --config.name, or that you delete {folder}"
        )


def analyse(config: Config, found: Findings) -> report.Report:
    """Compare the networks with the linear classifiers, and show the card."""
    accuracy = {
        f"{of} accuracy (%)": [100 * np.asarray(found.card.accuracy[of]), 100 * linear]
        for of, linear in found.linear.items()
    }
    say = report.Claims(source="lecture, 1:10:45", figure="accuracy")
    claim = say.paired(
        "pretrain.features",
        f"On {config.dataset} the network learns features: its test accuracy is above "
        "that of a linear classifier on the pixels.",
        "points of test accuracy, network − linear",
        (100 * found.right["network"], 100 * found.right["linear"]),
        above=0,
    )
    claims = report.family([claim])
    network, linear = map(report.format_spread, accuracy["test accuracy (%)"])
    answer = report.by_verdict(
        claims,
        claim.id,
        "Yes: the networks' test accuracy is {size} points above",
        "No: the networks' test accuracy is {size} points below",
        "It is not decided: the networks' test accuracy is not clearly above",
    )
    return report.Report(
        title="Pretraining",
        summary=f"{answer} that of a linear classifier on the pixels of "
        f"{config.dataset}.\n\nThe networks reach {network} %, the linear classifiers "
        f"{linear} %.\n\nThe zoo has the {len(config.seeds)} networks as "
        f"{config.network}; `python launch.py --experiment=transfer "
        f"--config.source=zoo:{config.network}` transfers them.",
        claims=claims,
        sections=[
            report.Section(
                "Accuracy",
                report.Paired(
                    "accuracy",
                    accuracy,
                    ("network", "linear"),
                    caption="Accuracy of the networks and of linear classifiers on the "
                    "pixels.",
                ),
            ),
            report.Section(
                "The card",
                report.Table(
                    ("field", "value"),
                    _card(config, found),
                ),
            ),
        ],
    )


def _card(config, found):
    """Return the rows of what is known of the networks."""
    card = found.card
    return [
        ("name in the zoo", config.network),
        ("data set", card.dataset),
        ("classes", card.num_classes),
        ("images", " x ".join(map(str, card.image_shape))),
        ("mean of a channel", pretraining.words(card.mean)),
        ("standard deviation of a channel", pretraining.words(card.std)),
        ("network", f"{card.architecture}, {pretraining.words(card.fields)}"),
        ("parameters", found.parameters),
        ("seeds", pretraining.words(card.seeds)),
        *(
            (f"{split} accuracy (%)", 100 * np.array(values))
            for split, values in card.accuracy.items()
        ),
        ("training", pretraining.words(card.config)),
        ("commit", card.commit),
    ]
