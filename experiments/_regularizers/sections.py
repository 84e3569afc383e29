"""The comparison on the page: what was compared, the table, the differences."""

import pathlib
from collections.abc import Sequence

import numpy as np

from experiments._regularizers import claims, comparisons, study
from lec7 import report

INTERVALS = "Means with their 95 % intervals over seeds."


def summary(found: study.Study, compared: Sequence[comparisons.Comparison]) -> str:
    """Answer the question in a paragraph.

    Args:
      found: what was trained.
      compared: every regulariser with its control.

    Returns:
      The text.
    """
    plain = float(found.accuracy("none").mean())
    gap = float(found.gap("none").mean())
    differing = [
        f"{each.name} ({_signed(each.difference.mean())})"
        for each in compared
        if each.differs
    ]
    best = max(compared, key=lambda each: each.difference.mean())
    return (
        f"Without a regulariser {report.format_number(plain)} % of the test images are "
        f"right and the gap is {report.format_number(gap)} points. After a correction "
        f"for {len(compared)} comparisons, {', '.join(differing) or 'none'} "
        f"{'differ' if len(differing) != 1 else 'differs'} from the control at 95 %, "
        f"in points of test accuracy; the largest gain is that of {best.name}, "
        f"{_signed(best.difference.mean())}."
    )


def setting(found: study.Study, plan: study.Plan) -> report.Section:
    """Say what is compared, and what the numbers do not say.

    Args:
      found: what was trained.
      plan: how.

    Returns:
      The section.
    """
    splits = found.dataset
    classes = splits.num_classes
    return report.Section(
        heading="What is compared",
        text=(
            f"Each network learns from {len(splits.train.labels):,} images, "
            f"{len(splits.train.labels) // classes} of each class, so few that every "
            "network can learn them by heart: what is lost in the test is lost by "
            f"overfitting. All have the same {plan.updates:,} updates of "
            f"{plan.batch_size} examples by momentum with the learning rate "
            f"{plan.learning_rate:g}.\n\n"
            "A regulariser has three strengths, an equal budget for all, and is shown "
            "at the one with the best mean accuracy on "
            f"{len(splits.validation.labels):,} validation images. The "
            f"{len(splits.test.labels):,} test images choose nothing. Claims that two "
            "accuracies are alike, or that one is hardly better, allow one point: the "
            "lecture names no bound.\n\n"
            "Seeds differ in initial weights, batches and noise, not in the training "
            "images: intervals say what another seed would give on the same images. "
            "Fractional pooling and stochastic depth need networks of their own, and "
            "are compared with these: with pooling regions that are fixed, with layers "
            "that are never dropped."
        ),
    )


def table(
    folder: pathlib.Path,
    found: study.Study,
    compared: Sequence[comparisons.Comparison],
) -> report.Section:
    """Show training and test accuracy, the gap, and what differs from its control.

    Args:
      folder: the run's folder.
      found: what was trained.
      compared: every regulariser with its control.

    Returns:
      The section.
    """
    by_name = {each.name: each for each in compared}
    names = list(found.trained)
    rows = [_row(found, name, by_name.get(name)) for name in names]
    header = (
        *("regulariser", "train (%)", "test (%)", "gap (points)", "compared with"),
        *("difference in test (95 % interval)", "p, Holm", "differs at 95 %"),
    )
    splits = {split: claims.means(found, names, split) for split in ("train", "test")}
    differences = [claims.ends(each.difference) for each in compared]
    figures = [
        report.save_figure(
            report.draw_forest(names, splits, x_label="accuracy (%)"),
            folder,
            "gaps",
            data=splits,
            caption=f"Accuracy on the images trained on and in the test: the distance "
            f"between the two marks is the gap. {INTERVALS}",
        ),
        report.save_figure(
            report.draw_forest(
                list(by_name),
                {"difference": np.transpose(differences)},
                x_label="test accuracy minus the control's (points)",
                bold=[each.name for each in compared if each.differs],
                reference=0,
            ),
            folder,
            "accuracies",
            data={each.name: each.difference for each in compared},
            caption="Test accuracy minus that of the control, paired by seed. "
            f"{INTERVALS} Names in bold differ after Holm's correction.",
        ),
    ]
    return report.Section(
        heading="Training accuracy, test accuracy and gap",
        text=(
            "Each interval is one of a single comparison, so among "
            f"{len(compared)} one may miss zero by chance. `p, Holm` is the p-value of "
            "the paired t test after Holm's correction, which keeps the chance of any "
            "false difference below 5 %: where it is below 0.05, the regulariser "
            "differs from its control at 95 %."
        ),
        table=report.Table(header, rows, "Means over seeds with their 95 % intervals."),
        figures=figures,
    )


def _row(
    found: study.Study, name: str, compared: comparisons.Comparison | None
) -> tuple[report.tables.Cell, ...]:
    """Return the row of a regulariser."""
    first = (
        name,
        *(_spread(found.accuracy(name, split)) for split in ("train", "test")),
        _spread(found.gap(name)),
    )
    if compared is None:
        return *first, *["–"] * 4
    return (
        *first,
        compared.control,
        _difference(compared.difference),
        report.format_number(compared.adjusted, digits=2),
        "yes" if compared.differs else "no",
    )


def _spread(values: np.ndarray) -> str:
    """Return a mean with the half-width of its interval."""
    low, mean, high = claims.ends(values)
    return f"{mean:.1f} ± {(high - low) / 2:.1f}"


def _difference(values: np.ndarray) -> str:
    """Return a mean with its interval."""
    low, mean, high = map(_signed, claims.ends(values))
    return f"{mean} ({low} to {high})"


def _signed(value: float) -> str:
    # Adding zero takes the sign away from a zero.
    return f"{round(value, 1) + 0:+.1f}".replace("-", "−")
