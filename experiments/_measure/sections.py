"""The report on one network."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from experiments import _counts
from experiments._measure import cards
from lec7 import report, sharpness

HEADLINE = ("hessian_max", "hessian_trace", "keskar")  # what is said first, if taken
TOLERANCE = 0.01  # relative change that counts as none, in single precision


def decide(
    before: cards.Cards, changes: Mapping[str, np.ndarray]
) -> list[report.Claim]:
    """Decide what the rescaling of layers does to the measures that were taken.

    Args:
      before: the cards of the network as it is.
      changes: name -> ratio after to before, [S].

    Returns:
      A claim on those that should stay, and one on the top eigenvalue.
    """
    kept = [rows[0].name for rows in before.rows if rows[0].invariant]
    labels = {"source": "Dinh et al. 2017, arXiv:1703.04933, theorem 4"}
    labels |= {"figure": "card"}
    decided = []
    if kept:
        decided.append(
            _counts.exact_claim(
                max(np.abs(changes[name] - 1).max() for name in kept),
                below=TOLERANCE,
                id="Dinh.invariant",
                statement=(
                    "Measures in units of the parameters are the same for the same "
                    "function after a rescaling of its layers."
                ),
                unit="largest relative change of a measure",
                **labels,
            )
        )
    if "hessian_max" in changes:
        decided.append(
            _counts.exact_claim(
                changes["hessian_max"].min(),
                above=1,
                id="Dinh.raw",
                statement=(
                    "The same function can be made sharper: the top eigenvalue of the "
                    "Hessian grows when layers are rescaled."
                ),
                unit="ratio, after / before",
                **labels,
            )
        )
    return decided


def card(
    folder: pathlib.Path,
    before: cards.Cards,
    after: cards.Cards | None,
    *,
    seeds: Sequence[int],
    remark: str,
) -> report.Section:
    """Show the report card.

    Args:
      folder: the run's folder.
      before: of the network as it is.
      after: of the same function after a rescaling, if it has one.
      seeds: of the keys.
      remark: what is said of the rescaling.

    Returns:
      The section.
    """
    titles = [sharpness.TITLES[name] for name in before.names]
    groups = {"as it is": before} | ({"rescaled": after} if after else {})
    ends = {name: _ends(each.values) for name, each in groups.items()}
    kept = [rows[0].invariant for rows in before.rows]
    figure = report.save_figure(
        report.draw_forest(
            titles,
            ends,
            x_label="value, in the unit of each measure",
            log=True,
            bold=[title for title, own in zip(titles, kept, strict=True) if own],
        ),
        folder,
        "card",
        data={"measures": before.names, **ends},
        caption=(
            f"Mean of every measure over {len(seeds)} keys, from the lowest to the "
            "highest. In bold what a rescaling of the layers leaves alone."
        ),
    )
    ratios = cards.changes(before, after) if after else {}
    rows = [
        (
            title,
            report.format_spread([row.value for row in rows]),
            float(np.mean([row.standard_error for row in rows])),
            "yes" if rows[0].invariant else "no",
            float(np.mean(ratios[rows[0].name])) if ratios else None,
            float(np.mean([row.cost for row in rows])),
        )
        for title, rows in zip(titles, before.rows, strict=True)
    ]
    header = (
        *("measure", "value", "standard error", "survives rescaling"),
        *("rescaled / as it is", "gradients"),
    )
    return report.Section(
        heading="Report card",
        text=(
            f"{remark}\n\nThe value is the mean ± standard deviation over "
            f"{len(seeds)} keys; the standard error is what one key says of its own "
            "error, NaN for the highest point of one search. Gradients are what a "
            "measure costs, in gradients of the mean loss over all examples."
        ),
        table=report.Table(header, rows),
        figures=[figure],
    )


def settings(before: cards.Cards) -> report.Section:
    """Show what each value depends on.

    Args:
      before: of the network as it is.

    Returns:
      The section.
    """
    rows = [(sharpness.TITLES[rows[0].name], _text(rows[0])) for rows in before.rows]
    shared = before.rows[0][0].settings
    return report.Section(
        heading="Settings",
        text=(
            f"On {shared['examples']:,} examples (m-sharpness leaves out what fills no "
            f"sub-batch), in {shared['dtype']}. Numbers of two networks compare only "
            "where loss, examples, type and settings are the same."
        ),
        table=report.Table(("measure", "settings"), rows),
    )


def headline(before: cards.Cards) -> str:
    """Return the best known measures as the beginning of an answer.

    Args:
      before: of the network as it is.

    Returns:
      Their titles and means, or those of all measures where none of them was taken.
    """
    means = {
        name: f"{sharpness.TITLES[name]} {report.format_number(float(mean))}"
        for name, mean in zip(before.names, before.values.mean(axis=1), strict=True)
    }
    return ", ".join(
        [means[name] for name in HEADLINE if name in means] or means.values()
    )


def lines(before: cards.Cards) -> str:
    """Return the card as text for a console.

    Args:
      before: of the network as it is.

    Returns:
      A line for each measure.
    """
    texts = [
        (sharpness.TITLES[rows[0].name], report.format_number(rows[0].value))
        for rows in before.rows
    ]
    wide, high = (max(len(text[place]) for text in texts) for place in (0, 1))
    return "\n".join(f"{title:<{wide}}  {value:>{high}}" for title, value in texts)


def _ends(values: np.ndarray) -> np.ndarray:
    return np.stack([values.min(axis=1), values.mean(axis=1), values.max(axis=1)])


def _text(row: sharpness.Row) -> str:
    shared = {"key", "dtype", "examples"}
    own = [
        f"{name} {value}" for name, value in row.settings.items() if name not in shared
    ]
    return ", ".join(own) or "none"
