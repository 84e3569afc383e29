"""The page of a sweep: what is best, how each setting matters, and every trial."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from lec7 import files
from lec7.report import (
    markup,
    page,
    parallels,
    responses,
    sweep_axes,
    trial_rows,
    tried,
    wording,
)

PAGE = "index.html"

Trials = Sequence[tried.Trial]

_BEYOND = (
    f"What is more than {sweep_axes.MOST} times the median is drawn at an end of an "
    "axis."
)


def write_sweep(folder: Path, sweep: tried.Sweep) -> Path:
    """Write `index.html`.

    Args:
      folder: of the sweep.
      sweep: what it found.

    Returns:
      The path of the page.
    """
    title = f"Sweep of {sweep.experiment}"
    shares = tried.shares(sweep)
    trials = sorted(sweep.trials, key=lambda t: (-shares.get(t.number, -1), t.number))
    shown = trials[: tried.SHOWN]
    main = markup.tag(
        "main",
        markup.tag("h1", title),
        markup.tag("p", sweep.question, class_="question"),
        *_answer(sweep),
        *_parallels(sweep, shown, shares),
        *_responses(sweep, trials, shares),
        *trial_rows.render(sweep, shown),
        class_="wide sweep",
    )
    style = markup.tag("style", markup.asset("sweep.css"))
    script = markup.script(markup.asset("sweep.js"))
    text = page.render_document(title, style, main, script)
    files.write(folder / PAGE, text.encode(errors="replace"))
    return folder / PAGE


def _answer(sweep: tried.Sweep) -> list[Element]:
    sentence = markup.tag("p", *wording.inline(tried.answer(sweep)), class_="answer")
    warned = [
        markup.tag("p", markup.tag("b", "Warning: "), f"{text}.", class_="warning")
        for text in sweep.warnings
    ]
    return [sentence, *warned, *([] if sweep.best is None else [_chosen(sweep)])]


def _chosen(sweep: tried.Sweep) -> Element:
    """Return what the choice rests on."""
    best = sweep.best
    count = len(best.numbers)
    several = best.compared > 1
    of = f"It is one of {best.compared:,} configurations, chosen by {sweep.objective}"
    words = [f"{of} and never by the test. "] if several else []
    if best.spread:
        over = f"the {count} trials" if count > 1 else "the networks"
        within = (
            f"; {best.as_good or 'no'} other{'' if best.as_good == 1 else 's'} "
            f"{'is' if best.as_good == 1 else 'are'} within it"
        )
        words.append(
            f"± is the standard deviation over {over} of a configuration"
            f"{within * several}. "
        )
    if several:
        words.append(
            "The best of many looks better than it is: the test decides that. "
        )
    else:
        words.append("No other configuration could be compared. ")
    if sweep.best.numbers:
        words.append("Its report: ")
        links = {trial.number: trial.link for trial in sweep.trials}
        for number in best.numbers[:10]:
            words += [markup.tag("a", f"trial {number}", href=links[number]), " "]
    return markup.tag("p", *words, class_="note")


def _parallels(
    sweep: tried.Sweep, trials: Sequence[tried.Trial], shares
) -> list[Element]:
    if not sweep.fields:
        return []
    best = () if sweep.best is None else sweep.best.numbers
    lines = [
        parallels.Line(
            number=trial.number,
            settings=trial.settings,
            value=trial.values[sweep.objective]
            if tried.has(trial, sweep.objective)
            else None,
            share=shares.get(trial.number),
            about=tried.about(sweep, trial),
            is_best=trial.number in best,
        )
        for trial in sorted(trials, key=lambda t: shares.get(t.number, -1))
    ]
    axes = {name: sweep_axes.of_setting(of) for name, of in sweep.fields.items()}
    picture = parallels.draw(axes, sweep.objective, lines, higher=sweep.higher)
    key = [_key(sweep, lines[0].share or 0)] if sweep.objective else []
    caption = (
        "A line for each trial, through its settings"
        + (" to its value; the best configuration is thick" if shares else "")
        + ("; trials without a value are dotted" if len(shares) < len(trials) else "")
        + ". Point at a line, or at a row of the table, to lift it."
    )
    return [
        markup.tag(
            "h2",
            f"The best {tried.SHOWN:,} trials" if tried.is_cut(sweep) else "All trials",
        ),
        markup.tag(
            "figure",
            *key,
            markup.tag("div", picture, class_="scroll"),
            markup.tag("output", " ", class_="lifted", aria_live="polite"),
            markup.tag("figcaption", caption),
        ),
    ]


def _key(sweep: tried.Sweep, least: float) -> Element:
    """Return what the colours mean, from that of the least share that is drawn."""
    begin = f"place {tried.SHOWN:,} " if least else "worst "
    ranks = markup.tag("i", style=f"--share: {100 * least:.0f}%")
    return markup.tag("p", begin, ranks, f" best by {sweep.objective}", class_="ranks")


def _responses(
    sweep: tried.Sweep, trials: Sequence[tried.Trial], shares
) -> list[Element]:
    alone = len(sweep.fields) == 1
    rows = [
        [
            responses.draw(
                name, sweep_axes.of_setting(values), measure, points, alone=alone
            )
            for name, values in sweep.fields.items()
            if (points := _points(sweep, trials, shares, name, measure))
        ]
        for measure in sweep.measures
    ]
    if not any(rows):
        return []
    note = (
        "Each trial is a point; the dashed line leads through the medians over all "
        "other settings"
    )
    if shares:
        note += f", the blue one through the best by {sweep.objective} there"
    note += "."
    if any(sweep_axes.are_cut(_values(trials, name)) for name in sweep.measures):
        note += f" {_BEYOND}"
    if tried.is_cut(sweep):
        note += f" The lines are of all trials, the points of the best {tried.SHOWN:,}."
    return [
        markup.tag("h2", "What each setting does"),
        markup.tag("p", note, class_="note"),
        *(markup.tag("div", *row, class_="responses") for row in rows if row),
    ]


def _values(trials: Trials, measure: str) -> list[float]:
    return [trial.values[measure] for trial in trials if tried.has(trial, measure)]


def _points(sweep, trials, shares, name: str, measure: str) -> list[responses.Point]:
    return [
        responses.Point(
            number=trial.number,
            setting=trial.settings[name],
            value=trial.values[measure],
            share=shares.get(trial.number),
            about=tried.about(sweep, trial) if place < tried.SHOWN else None,
        )
        for place, trial in enumerate(trials)
        if name in trial.settings and tried.has(trial, measure)
    ]
