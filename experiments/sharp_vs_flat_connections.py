"""The way from one minimum to the other: a straight line, and a trained curve."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np
from flax import linen as nn

from experiments import minima
from lec7 import landscape, losses, report, update_rules

if TYPE_CHECKING:
    from experiments.sharp_vs_flat import Config

LINE = np.linspace(-1, 2, 49)  # 0 is the first minimum, 1 the second
BETWEEN = np.linspace(0, 1, 17)  # of the line, and where the curve is looked at
BEND_RATE = 0.01  # learning rate of Adam, which trains the bend of a curve

Pairs = Sequence[tuple[minima.Variables, minima.Variables]]
Line = Mapping[str, Mapping[str, np.ndarray]]
"""Split -> `loss` and `accuracy`, each [M, A] at the places of `LINE`."""


def line(probe: minima.Probe, pairs: Pairs) -> Line:
    """Return loss and accuracy on the straight lines between pairs of networks.

    The statistics of BatchNorm are refitted at every point.
    """
    found = {}
    for split, batches in probe.batches.items():
        rows = [
            landscape.interpolate(
                probe.metrics, *pair, batches, alphas=LINE, prepare=probe.refit
            )
            for pair in pairs
        ]
        found[split] = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return found


def curve(probe: minima.Probe, pairs: Pairs, *, steps: int) -> np.ndarray:
    """Return the training loss [M, B] along trained Bezier curves between pairs."""
    loss_fn = training_loss(probe.model)
    batches = probe.batches["train"]

    def bend(seed, pair):
        start, end = pair
        empty = start["batch_stats"]

        def refitted(params):
            return probe.refit({"params": params, "batch_stats": empty})

        path = landscape.bezier_path(
            jax.tree_util.Partial(loss_fn, empty),
            start["params"],
            end["params"],
            batches,
            key=jax.random.key(seed),
            rule=update_rules.adam(BEND_RATE),
            steps=steps,
        )
        return landscape.bezier_losses(
            probe.metrics, path, batches, positions=BETWEEN, prepare=refitted
        )["loss"]

    return np.stack(probe.each("curves", pairs, bend))


def ways(on_line: Line, on_curve: np.ndarray) -> dict[str, np.ndarray]:
    """Return the training loss from one minimum to the other, [M, B] each."""
    inside = (LINE >= 0) & (LINE <= 1)
    straight = on_line["train"]["loss"][:, inside]
    return {"straight line": straight, "trained curve": on_curve}


def beyond_ends(on_line: Line) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss [M] as far outside each end of a line as the ends are apart."""
    loss = on_line["train"]["loss"]
    return loss[:, 0], loss[:, -1]


def claims(on_line: Line, on_curve: np.ndarray) -> list[report.Claim]:
    """Decide whether barriers lie between the minima."""
    straight_line = report.Claims(
        source="Goodfellow et al. 2015; Keskar et al. 2017, figure 3", figure="line"
    )
    trained = report.Claims(source="Garipov et al. 2018, section 3", figure="curve")
    straight, curved = ways(on_line, on_curve).values()
    ends = (straight[:, 0] + straight[:, -1]) / 2
    # Logarithms, because barriers of different seeds differ by orders of magnitude.
    peaks = [
        ends + landscape.rise_above_chord(BETWEEN, loss) for loss in (straight, curved)
    ]
    return [
        straight_line.ratio(
            "L20.barrier",
            "A barrier lies between the two minima: on the straight line the training "
            "loss more than doubles.",
            "ratio, ends and rise above the chord / ends",
            (peaks[0], ends),
            above=2,
        ),
        trained.share(
            "L20.curve",
            "A trained curve between the two minima has no barrier: in most pairs the "
            "training loss on it rises by less than a tenth of that at its ends.",
            "share of pairs",
            peaks[1] < 1.1 * ends,
            above=0.5,
        ),
    ]


def section(config: "Config", on_line: Line, on_curve: np.ndarray) -> report.Section:
    """Show the line, the curve and their barriers."""
    both = ways(on_line, on_curve)
    return report.Section(
        "From one minimum to the other",
        "Barriers differ between seeds by orders of magnitude. So the claims judge "
        "them as ratios of losses, which was decided after a first look at them. The "
        "bend of the curve begins on the straight line and is trained further, so that "
        "the curve is lower than the line is to be expected; that nothing is left of "
        "the barrier is not.",
        report.Table(
            ("way", "barrier (nats)"),
            [
                (name, landscape.rise_above_chord(BETWEEN, loss))
                for name, loss in both.items()
            ],
            "How far the training loss rises above the chord between its ends: mean ± "
            "standard deviation over seeds.",
        ),
        line_figure(
            "line",
            on_line,
            "Loss (blue) and accuracy (orange) on the straight line between the two "
            "minima of a seed, which start from the same parameters",
        ),
        report.Curves(
            "curve",
            {name: (BETWEEN, loss) for name, loss in both.items()},
            (
                f"position t from {minima.SMALL_BATCH} (0) to {minima.LARGE_BATCH} (1)",
                "training loss (nats)",
            ),
            log="y",
            caption="Training loss on the straight line and on a quadratic Bezier "
            f"curve whose bend was trained for {config.bend_steps} updates by Adam.",
        ),
    )


def line_figure(name: str, on_line: Line, caption: str) -> report.Interpolation:
    """Show loss and accuracy on a straight line between two minima."""
    return report.Interpolation(name, LINE, on_line, minima.GROUPS, caption=caption)


def training_loss(model: nn.Module) -> Callable[..., jax.Array]:
    """Return the loss with the statistics of the batch, where there are any."""
    alone = model.clone(axis_name=None)
    batch_norm = getattr(model, "batch_norm", True)  # a ResNet always has it

    def loss_fn(batch_stats, params, batch):
        logits, _ = alone.apply(
            {"params": params, "batch_stats": batch_stats},
            batch.images,
            train=batch_norm,
            mutable=["batch_stats"],
        )
        return losses.cross_entropy(logits, batch.labels).mean()

    return loss_fn
