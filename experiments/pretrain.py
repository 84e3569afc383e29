"""Does a network learn more than what a linear classifier on the pixels could tell?

Networks are trained on a data set, one a seed, and put into the zoo under a name, with
a card that says on what, how, how well and by which code. The experiment `transfer`
takes them by that name. A linear classifier trained alike tells whether there are
features worth taking over.

Run: python launch.py --experiment=pretrain --config.dataset=letters

Expected: 1 minute on two CPU cores. On letters the networks reach a test accuracy of
99.4 % and linear classifiers 70.7 %.

Source: lecture, 1:09:55 to 1:13:32 (L67 to L71)

Data: letters (of glyphs), or any TFDS name
"""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from experiments import _domains, _pretraining
from lec7 import data, files, models, report, runs, train, transfer

GROUPS = ("network", "linear")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """On what networks are trained, how, and under which name they are kept."""

    # name of a data set: letters, numerals, or one of lec7 or of TFDS
    dataset: str = "letters"
    # in the zoo, one plain name; empty for that of the data set with hyphens
    name: str = ""
    seeds: tuple[int, ...] = tuple(range(5))  # networks, at least 2
    recipe: _pretraining.Recipe = _pretraining.Recipe()

    def __post_init__(self):
        """Check the ranges.

        Raises:
          ValueError: a value is out of its range.
        """
        runs.require_seeds(self.seeds)
        files.require_name(self.network)

    @property
    def network(self) -> str:
        """What the zoo calls the networks."""
        return self.name or self.dataset.replace("/", "-").replace(":", "-")


def run(config: Config, context: runs.Context) -> report.Report:
    """Train networks and a linear classifier, and put the networks into the zoo.

    Args:
      config: on what, and how.
      context: where and on what to run.

    Returns:
      Claims, figures and text.

    Raises:
      UsageError: the batch size is not a multiple of the number of devices, or another
        network has the name.
    """
    _require_free(config)
    with context.phase("data"):
        dataset = _domains.load(config.dataset)
    with context.phase("training"):
        network = _pretraining.train_networks(
            dataset, config.recipe, config.seeds, context
        )
        linear = _train_linear(config, context, dataset, network.card)
    with context.phase("zoo"):
        folder = transfer.save_network(config.network, network)
    with context.phase("report"):
        return _report(config, context, network, linear, str(folder))


def _require_free(config: Config) -> None:
    """Refuse to replace networks that were trained in another way.

    Args:
      config: with the name.

    Raises:
      UsageError: the name is taken.
    """
    if not transfer.network_folder(config.network).exists():
        return
    card = transfer.load_network(config.network).card
    wanted = (config.dataset, list(config.seeds), _pretraining.as_json(config.recipe))
    if (card.dataset, card.seeds, card.config) != wanted:
        raise runs.UsageError(
            f"the zoo has networks {config.network!r} trained in another way: expected "
            f"a new --config.name, or that you delete "
            f"{transfer.network_folder(config.network)}"
        )


def _train_linear(
    config: Config, context: runs.Context, dataset: data.Dataset, card: transfer.Card
) -> train.Population:
    """Train linear classifiers on the pixels as the networks are trained.

    Args:
      config: on what, and how.
      context: where and on what to run.
      dataset: on which the networks were trained.
      card: of the networks.

    Returns:
      The trained population.
    """
    model = models.MLP(
        num_classes=card.num_classes, widths=(), axis_name=train.DEVICE_AXIS
    )
    return _pretraining.fit(
        model,
        _domains.normalise(dataset, card.mean, card.std),
        config.recipe,
        config.seeds,
        context,
        name="linear",
    )


def _report(
    config: Config,
    context: runs.Context,
    network: transfer.Network,
    linear: train.Population,
    folder: str,
) -> report.Report:
    accuracy = {
        f"{split} accuracy (%)": [
            100 * np.asarray(network.card.accuracy[split]),
            100 * linear.final[f"{split}_accuracy"],
        ]
        for split in ("train", "test")
    }
    tests = accuracy["test accuracy (%)"]
    claim = report.paired_claim(
        *tests,
        above=0,
        id="pretrain.features",
        statement=(
            f"On {config.dataset} the network learns features: its test accuracy is "
            "above that of a linear classifier on the pixels."
        ),
        source="lecture, 1:10:45",
        unit="points of test accuracy, network − linear",
        figure="accuracy",
    )
    reached = " % and ".join(map(report.format_spread, tests))
    return report.Report(
        title="Pretraining",
        question=__doc__.partition("\n")[0],
        summary=(
            f"Networks and linear classifiers reach test accuracies of {reached} % on "
            f"{config.dataset}. The zoo has the {len(config.seeds)} networks as "
            f"{config.network}; `python launch.py --experiment=transfer "
            f"--config.source=zoo:{config.network}` transfers them."
        ),
        claims=[claim],
        sections=[_accuracy(context, accuracy), _card(config, network, folder)],
    )


def _accuracy(
    context: runs.Context, accuracy: Mapping[str, Sequence[np.ndarray]]
) -> report.Section:
    figure = report.save_figure(
        report.draw_paired(accuracy, groups=GROUPS),
        context.folder,
        "accuracy",
        data=accuracy,
        caption=(
            "Accuracy of the networks and of linear classifiers on the pixels. Every "
            "seed is a circle; diamonds are means with their 95 % interval."
        ),
    )
    return report.Section(heading="Accuracy", figures=[figure])


def _card(config: Config, network: transfer.Network, folder: str) -> report.Section:
    params = jax.tree.map(lambda leaf: leaf[0], network.variables["params"])
    rows = [
        ("name", config.network),
        ("folder", folder),
        *((k, str(value)) for k, value in dataclasses.asdict(network.card).items()),
        ("parameters", transfer.count_parameters(params)),
    ]
    return report.Section(
        heading="The card", table=report.Table(("field", "value"), rows)
    )
