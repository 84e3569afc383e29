"""The top of the Hessian, and the gradient in the space of its eigenvectors."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from lec7 import curvature, data, report

if TYPE_CHECKING:
    from experiments.outliers import Config

TINY = "Gur-Ari, Roberts and Dyer 2018, arXiv:1812.04754"
MORE = 5  # eigenvalues that are looked at beyond twice the number of classes
FLOOR = 1e-3  # of the top eigenvalue, to which eigenvalues are resolved
MOST = 0.5  # share above which most is claimed


class Looks(NamedTuple):
    """What was seen of M networks along their training, T times."""

    values: np.ndarray
    """The largest eigenvalues, descending [M, T, k]."""
    loss: np.ndarray
    """Training loss in nats [M, T]."""
    share: np.ndarray
    """Of the gradient's squared length, in the space of C eigenvectors [M, T]."""
    less: np.ndarray
    """The same with C - 1 eigenvectors [M, T]."""
    kept: np.ndarray
    """Share of the space of C eigenvectors in the one at the look before [M, T]."""

    @property
    def outliers(self) -> np.ndarray:
        """How many of the eigenvalues stand out [M, T]."""
        return np.array([[stand_out(each) for each in row] for row in self.values])


def stand_out(values: np.ndarray) -> int:
    """Return how many of the largest eigenvalues stand out of the rest.

    In the rest neighbours are close together. So an edge is a gap that is, on a
    logarithmic scale, at least half as wide as the widest, and the eigenvalues before
    the last edge stand out: gaps among themselves may be as wide. A scale of the loss
    does not count. What is below `FLOOR` of the largest, as negative ones are, counts
    as that.

    Args:
      values: descending, the largest above zero.

    Example:
      >>> stand_out(np.array([90.0, 20.0, 5.0, 1.0, 0.9, 0.5]))
      3
    """
    values = np.maximum(values, FLOOR * values[0])
    gaps = np.log(values[:-1] / values[1:])
    return int(np.flatnonzero(gaps >= gaps.max() / 2)[-1]) + 1


def look(
    loss_fn: Any, params: Any, dataset: data.Dataset, seed: int, before: Any
) -> tuple[Looks, Any]:
    """Return what is seen of one network, and its top eigenvectors.

    Args:
      loss_fn: parameters, batch -> mean loss.
      params: of the network.
      dataset: on whose training split, of C classes, the Hessian is taken.
      seed: of the search for eigenvectors.
      before: the C eigenvectors at the look before, or None.
    """
    classes, batches = dataset.num_classes, [dataset.train]
    op = curvature.hessian(loss_fn, params, batches)
    count = min(2 * classes + MORE, op.size)
    pairs = curvature.top_eigenpairs(op, count, key=jax.random.key(seed))
    gradient = curvature.gradient(loss_fn, params, batches)
    less, top = (
        jax.tree.map(lambda leaf, k=k: leaf[:k], pairs.vectors)
        for k in (classes - 1, classes)
    )
    kept = np.nan if before is None else shared(before, top)
    seen = (
        pairs.values,
        curvature.mean_loss(loss_fn, params, batches),
        curvature.overlap(gradient, top),
        curvature.overlap(gradient, less),
        kept,
    )
    return Looks(*(np.asarray(value, np.float64) for value in seen)), top


def shared(first: Any, second: Any) -> float:
    """Return the mean share of one space's vectors that lies in the other, 0 to 1."""
    return float(jax.vmap(curvature.overlap, in_axes=(0, None))(first, second).mean())


def claims(config: "Config", last: Looks) -> list[report.Claim]:
    """Decide how much of the gradient is in the top space, and whether it stays."""
    say = report.Claims(source=TINY, figure="gradient")
    unit = "share of the gradient's squared length"
    steps, most = config.looks, config.classes[-1]
    early = steps[2]
    rise = last.share[:, -1], last.share[:, 0]
    return [
        say.mean(
            "gradient.start",
            "Before training most of the gradient is outside the top space.",
            unit,
            last.share[:, 0],
            below=MOST,
        ),
        say.mean(
            "gradient.early",
            f"After {early:,} updates most of the gradient is inside.",
            unit,
            last.share[:, 2],
            above=MOST,
        ),
        say.mean(
            "gradient.late",
            f"With {most} classes, after {steps[-1]:,} updates, nearly all of the "
            "gradient is inside.",
            unit,
            last.share[:, -1],
            above=0.9,
        ),
        say.paired(
            "gradient.rise",
            "During training the gradient moves into the top space.",
            f"{unit}, end − start",
            rise,
            above=0,
        ),
        say.mean(
            "space.kept",
            f"From {steps[-2]:,} to {steps[-1]:,} updates more than 80 % of the top "
            "space is kept.",
            "share of the space",
            last.kept[:, -1],
            above=0.8,
        ),
    ]


def section(config: "Config", last: Looks, parameters: int) -> report.Section:
    """Show the share of the gradient along the training."""
    most, steps = config.classes[-1], np.array(config.looks)
    random = most / parameters
    shares = {f"{most} eigenvectors": last.share, f"{most - 1}": last.less}
    return report.Section(
        "The gradient in the space of the top eigenvectors",
        f"The gradient is that of the whole training loss of {most} classes. A random "
        f"direction has {random:.1g} of its squared length in the space of {most} of "
        f"{parameters:,} directions.",
        report.Curves(
            "gradient",
            {name: (np.maximum(steps, 1), share) for name, share in shares.items()}
            | {"top space, in that of the look before": (steps[1:], last.kept[:, 1:])},
            ("updates, the start at 1", "share"),
            log="x",
            caption="Share of the gradient's squared length in the space of the top "
            "eigenvectors, and share of that space that is kept.",
        ),
        report.Table(
            ("updates", "training loss", "outliers", "C", "C - 1", "space kept"),
            [
                (
                    f"{step:,}",
                    last.loss[:, at],
                    last.outliers[:, at],
                    last.share[:, at],
                    last.less[:, at],
                    last.kept[:, at] if at else None,
                )
                for at, step in enumerate(config.looks)
            ],
            "Shares of the gradient in the space of C and C - 1 eigenvectors; mean ± "
            "standard deviation over seeds.",
        ),
    )
