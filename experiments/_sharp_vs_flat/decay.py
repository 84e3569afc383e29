"""The same comparison with weight decay."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import optax

from experiments import _measured, _minima
from experiments._sharp_vs_flat import connections, sharpness
from lec7 import report

SETTINGS = ("no weight decay", "weight decay")


class Setting(NamedTuple):
    """What was found with weight decay, or without."""

    populations: _minima.Populations
    cards: Mapping[str, sharpness.Card]
    line: Mapping[str, Mapping[str, np.ndarray]]  # as of `connections.lines`


def section(made: _measured.Setup, settings: Mapping[str, Setting]) -> report.Section:
    """Show both settings beside each other.

    Args:
      made: where to write.
      settings: name -> what was found, with both populations.

    Returns:
      The section.
    """
    folder, rate = made.context.folder, made.config.weight_decay
    with_decay = settings[SETTINGS[1]]
    names = list(with_decay.cards[_minima.SMALL].values)
    ratios = {
        setting: np.array([_ratio(found.cards, name) for name in names]).T
        for setting, found in settings.items()
    }
    forest = report.save_figure(
        report.draw_forest(
            [sharpness.TITLES[name].partition(" (")[0] for name in names],
            ratios,
            x_label="ratio, large / small batch",
            log=True,
            reference=1.0,
        ),
        folder,
        "decay",
        data={"measures": names, **ratios},
        caption=(
            "Each measure of the large-batch minimum relative to the small-batch one: "
            "geometric mean over seeds with its 95 % interval, with a weight decay of "
            f"{rate:g} and without."
        ),
    )
    line = connections.draw_line(
        *(folder, "line_decay", with_decay.line),
        caption=(
            f"With a weight decay of {rate:g}: loss (blue) and accuracy (red) on the "
            "straight line between the two minima of a seed: median over seeds, in a "
            "band from the lowest to the highest."
        ),
    )
    rows = [
        (setting, group, *_cells(found, group))
        for setting, found in settings.items()
        for group in _minima.GROUPS
    ]
    header = (
        *("setting", "population", "updates", "test accuracy (%)", "test loss (nats)"),
        *("length of the parameters", "loss beyond it on the line (nats)"),
    )
    return report.Section(
        heading="With weight decay",
        text=(
            "A line between two minima is drawn in units of their distance, and what "
            "looks sharp on it depends on the length of the parameters too, which "
            "weight decay shortens with every update. Li et al. trained both batch "
            "sizes for equal epochs, so that small batches, of more updates, ended "
            "with the shorter parameters and looked the sharper. Here both are "
            "trained to one loss. What is seen on the line is put into a number by the "
            "loss as far beyond each end as the ends are apart, where pictures of this "
            "kind end; it was chosen after a pilot with three seeds, in which the rise "
            "at a quarter of that distance told nothing."
        ),
        table=report.Table(header, rows, "Mean ± standard deviation over seeds."),
        figures=[forest, line],
    )


def _ratio(cards: Mapping[str, sharpness.Card], name: str) -> tuple[float, ...]:
    small, large = (cards[group].values[name] for group in _minima.GROUPS)
    ratios = large / small
    centre = float(np.exp(np.mean(np.log(ratios))))
    low, high = report.geometric_interval(ratios) or (centre, centre)
    return low, centre, high


def _cells(found: Setting, group: str) -> list[str]:
    population = found.populations[group]
    count = len(population.updates)
    lengths = [
        float(optax.tree.norm(population.member(i)["params"])) for i in range(count)
    ]
    beyond = connections.beyond_ends(found.line["train"]["loss"])
    columns = (
        population.updates,
        100 * population.final["test_accuracy"],
        population.final["test_loss"],
        np.array(lengths),
        beyond[_minima.GROUPS.index(group)],
    )
    return [report.format_spread(column) for column in columns]
