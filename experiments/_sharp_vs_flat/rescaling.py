"""The same minima after their layers have been rescaled."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from experiments import _measured, _side_by_side
from experiments._sharp_vs_flat import sharpness
from lec7 import curvature, report
from lec7 import sharpness as measures

FACTOR = 5.0  # of the first layer; the last one has its inverse


class Rescaled(NamedTuple):
    """What the rescaling changes, and what it does not."""

    before: sharpness.Card
    after: sharpness.Card
    losses: np.ndarray  # [2, M], training loss before and after
    slices: Mapping[str, np.ndarray]  # norm -> losses [2, M, A] before and after


def measure(
    made: _measured.Setup,
    networks: Sequence[_measured.Variables],
    card: sharpness.Card,
    steps: np.ndarray,
) -> Rescaled:
    """Rescale networks, and look at them again.

    Args:
      made: what is measured on.
      networks: M of the first seeds.
      card: of the networks of all seeds, as trained.
      steps: [A], along the slices.

    Returns:
      What was found.
    """
    moved = [_rescaled(variables) for variables in networks]
    slices = {
        norm: np.stack(
            [
                _measured.slices(made, group, steps, norm=norm)
                for group in (networks, moved)
            ]
        )
        for norm in ("filter", "none")
    }
    return Rescaled(
        before=card._replace(
            values={name: row[: len(moved)] for name, row in card.values.items()}
        ),
        after=sharpness.measure(made, moved, "sharpness, rescaled"),
        losses=np.array(
            [
                [float(curvature.mean_loss(*made.at(variables))) for variables in group]
                for group in (networks, moved)
            ]
        ),
        slices=slices,
    )


def changes(found: Rescaled) -> dict[str, np.ndarray]:
    """Return each measure after over before, name -> [M]."""
    return {
        name: found.after.values[name] / found.before.values[name]
        for name in found.after.values
    }


def section(
    made: _measured.Setup, found: Rescaled, steps: np.ndarray
) -> report.Section:
    """Show by which factor each measure changes, and the slices.

    Args:
      made: where to write.
      found: before and after.
      steps: [A], along the slices.

    Returns:
      The section.
    """
    names, ratios = zip(*changes(found).items(), strict=True)
    ends = np.array([_ends(ratio) for ratio in ratios]).T
    titles = [sharpness.TITLES[name].partition(" (")[0] for name in names]
    bold = [
        title
        for title, name in zip(titles, names, strict=True)
        if found.before.invariant[name]
    ]
    forest = report.save_figure(
        report.draw_forest(
            titles,
            {"rescaled / as trained": ends},
            x_label="ratio, rescaled / as trained",
            log=True,
            bold=bold,
            reference=1.0,
        ),
        made.context.folder,
        "rescaling",
        data={name: ratio for name, ratio in zip(names, ratios, strict=True)},
        caption=(
            "Each measure of a small-batch minimum after its layers were rescaled, "
            "relative to before: geometric mean over seeds with its 95 % interval. "
            "Those in bold are invariant in theory."
        ),
    )
    curves = {
        scaled + where: (steps, found.slices[norm][row])
        for norm, scaled in (("filter", "normalised"), ("none", "raw"))
        for row, where in enumerate(("", ", rescaled"))
    }
    along = _side_by_side.draw_slices(
        *(made.context.folder, "rescaled_slices", curves),
        caption=(
            "Training loss along one random direction, the same draw for both: median "
            "over seeds, in a band from the lowest to the highest. Normalised by the "
            "filters the curves before and after are one; raw they are not."
        ),
    )
    return report.Section(
        heading="The same minima, rescaled",
        text=(
            f"The first layer is multiplied by {FACTOR:g} and the last divided by it, "
            "biases along with them. As `relu(a x) = a relu(x)`, the network computes "
            "what it did, so its training loss, test error and predictions stay "
            f"({report.format_spread(found.losses[0])} nats before, "
            f"{report.format_spread(found.losses[1])} after). What a measure says "
            "about the minimum must not change either, if it is to tell how well the "
            "function generalises."
        ),
        figures=[forest, along],
    )


def _rescaled(variables: _measured.Variables) -> _measured.Variables:
    params = variables["params"]
    kernels = sum(np.ndim(leaf) > 1 for leaf in jax.tree.leaves(params))
    factors = (FACTOR, *[1.0] * (kernels - 2), 1 / FACTOR)
    return {**variables, "params": measures.rescale_layers(params, factors)}


def _ends(ratios: np.ndarray) -> tuple[float, float, float]:
    centre = float(np.exp(np.mean(np.log(ratios))))
    low, high = report.geometric_interval(ratios) or (centre, centre)
    return low, centre, high
