"""The page of a sweep: what is best, how each setting matters, and every trial."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from lec7 import files
from lec7.report import (
    formats,
    headlines,
    markup,
    page,
    parallels,
    responses,
    sweep_axes,
    tables,
    wording,
)

PAGE = "index.html"
SHOWN = 2000  # trials at the most; the table beside the page has all
_FINISHED = "finished"
_BEYOND = (
    f"What is more than {sweep_axes.MOST} times the median is drawn at the end of an "
    "axis."
)

Settings = Mapping[str, sweep_axes.Value]


class Tried(NamedTuple):
    """A trial."""

    number: int
    settings: Settings
    status: str
    """`finished`, `failed` or `unfinished`."""
    said: str
    """Why it failed."""
    values: Mapping[str, float]
    """Measure -> its value, of a finished one."""
    spreads: Mapping[str, float]
    """Measure -> its standard deviation over members, where there are several."""
    link: str
    """To its report."""


class Best(NamedTuple):
    """The configuration that was chosen."""

    settings: Settings
    numbers: Sequence[int]
    """Of its trials."""
    value: float
    """Of the objective."""
    spread: float | None
    """Its standard deviation over seeds."""
    as_good: int
    """How many others are within the spread."""
    compared: int
    """Configurations, itself among them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """Trials of one experiment, and what was chosen among them.

    Attributes:
      experiment: its name.
      question: that it asks.
      trials: in any order.
      fields: name of each field in which trials differ -> its values, two or more.
      objective: measure that chooses, or None.
      higher: whether it is to be high.
      best: None where nothing can be chosen.
      measures: that are shown, the objective first.
      warnings: what a reader must know, in sentences.
      tables: names of the files beside the page with all numbers.
    """

    experiment: str
    question: str
    trials: Sequence[Tried]
    fields: Mapping[str, Sequence[sweep_axes.Value]]
    objective: str | None
    higher: bool
    best: Best | None
    measures: Sequence[str]
    warnings: Sequence[str]
    tables: Sequence[str]


def answer(sweep: Sweep) -> str:
    """Return in one sentence how many trials finished, and which one is best."""
    counts = Counter(trial.status for trial in sweep.trials)
    total, done = len(sweep.trials), counts[_FINISHED]
    rest = [f"{n:,} {name}" for name, n in counts.items() if name != _FINISHED]
    begin = f"Of {total:,} trials {done:,} finished"
    begin += f" ({', '.join(rest)})" * bool(rest)
    if sweep.best is None:
        why = "no measure to choose by" if sweep.objective is None else "none is best"
        return f"{begin}; {why}."
    told = [f"{name} {sweep_axes.short(x)}" for name, x in sweep.best.settings.items()]
    return (
        f"{begin}; the {'highest' if sweep.higher else 'lowest'} `{sweep.objective}`, "
        f"{_spread(sweep.best.value, sweep.best.spread)}, has "
        f"{headlines.listing(told) or 'the only configuration'}."
    )


def write_sweep(folder: Path, sweep: Sweep) -> Path:
    """Write `index.html`.

    Args:
      folder: of the sweep.
      sweep: what it found.

    Returns:
      The path of the page.
    """
    title = f"Sweep of {sweep.experiment}"
    shares = _shares(sweep)
    trials = sorted(sweep.trials, key=lambda t: (-shares.get(t.number, -1), t.number))
    trials = trials[:SHOWN]
    main = markup.tag(
        "main",
        markup.tag("h1", title),
        markup.tag("p", sweep.question, class_="question"),
        *_answer(sweep),
        *_parallels(sweep, trials, shares),
        *_responses(sweep, trials, shares),
        *_trials(sweep, trials),
        class_="wide sweep",
    )
    style = markup.tag("style", markup.asset("sweep.css"))
    script = markup.script(markup.asset("sweep.js"))
    text = page.render_document(title, style, main, script)
    files.write(folder / PAGE, text.encode(errors="replace"))
    return folder / PAGE


def _spread(value: float, spread: float | None) -> str:
    if not spread or not math.isfinite(spread):
        return formats.format_number(value)
    half = spread / math.sqrt(2)  # two values of this mean and deviation
    return formats.format_spread([value - half, value + half])


def _shares(sweep: Sweep) -> dict[int, float]:
    """Return number -> how good a trial with a value is by rank, 1 the best."""
    sign = 1 if sweep.higher else -1
    found = {
        trial.number: sign * trial.values[sweep.objective]
        for trial in sweep.trials
        if _has(trial, sweep.objective)
    }
    levels = sorted(set(found.values()))
    places = {level: i / max(len(levels) - 1, 1) for i, level in enumerate(levels)}
    if len(levels) == 1:
        places = dict.fromkeys(levels, 1.0)
    return {number: places[value] for number, value in found.items()}


def _has(trial: Tried, measure: str | None) -> bool:
    return math.isfinite(trial.values.get(measure or "", math.nan))


def _about(sweep: Sweep, trial: Tried) -> str:
    settings = [
        f"{name} {sweep_axes.short(trial.settings[name])}"
        for name in sweep.fields
        if name in trial.settings
    ]
    end = trial.status
    if sweep.objective in trial.values:
        value = formats.format_number(trial.values[sweep.objective])
        end = f"{sweep.objective} {value}"
    return f"trial {trial.number}: {', '.join([*settings, end])}"


def _answer(sweep: Sweep) -> list[Element]:
    sentence = markup.tag("p", *wording.inline(answer(sweep)), class_="answer")
    warned = [
        markup.tag("p", markup.tag("b", "Warning: "), f"{text}.", class_="warning")
        for text in sweep.warnings
    ]
    return [sentence, *warned, *([] if sweep.best is None else [_chosen(sweep)])]


def _chosen(sweep: Sweep) -> Element:
    """Return what the choice rests on."""
    best = sweep.best
    count = len(best.numbers)
    of = f"one of {best.compared:,} configurations"
    words = [f"It is {of}, chosen by validation and never by test. "]
    if best.spread and best.compared > 1:
        over = f"the {count} trials" if count > 1 else "the networks"
        words.append(
            f"± is the standard deviation over {over} of a configuration; "
            f"{best.as_good or 'no'} other{'' if best.as_good == 1 else 's'} "
            f"{'is' if best.as_good == 1 else 'are'} within it. "
        )
    words.append("The best of many looks better than it is: the test decides that. ")
    if sweep.best.numbers:
        words.append("Its report: ")
        links = {trial.number: trial.link for trial in sweep.trials}
        for number in best.numbers[:10]:
            words += [markup.tag("a", f"trial {number}", href=links[number]), " "]
    return markup.tag("p", *words, class_="note")


def _parallels(sweep: Sweep, trials: Sequence[Tried], shares) -> list[Element]:
    if not sweep.fields:
        return []
    best = () if sweep.best is None else sweep.best.numbers
    lines = [
        parallels.Line(
            number=trial.number,
            settings=trial.settings,
            value=trial.values[sweep.objective]
            if _has(trial, sweep.objective)
            else None,
            share=shares.get(trial.number),
            about=_about(sweep, trial),
            is_best=trial.number in best,
        )
        for trial in sorted(trials, key=lambda t: shares.get(t.number, -1))
    ]
    axes = {name: sweep_axes.of_setting(of) for name, of in sweep.fields.items()}
    picture = parallels.draw(axes, sweep.objective, lines, higher=sweep.higher)
    key = [_key(sweep.objective)] if sweep.objective else []
    caption = (
        "A line for each trial, through its settings"
        + (" to its value; the best configuration is thick" if shares else "")
        + ("; trials without a value are dotted" if len(shares) < len(trials) else "")
        + ". Point at a line, or at a row of the table, to lift it."
    )
    return [
        markup.tag("h2", "All trials"),
        markup.tag(
            "figure",
            *key,
            markup.tag("div", picture, class_="scroll"),
            markup.tag("output", " ", class_="lifted", aria_live="polite"),
            markup.tag("figcaption", caption),
        ),
    ]


def _key(objective: str) -> Element:
    return markup.tag(
        "p", "worst ", markup.tag("i"), f" best by {objective}", class_="ranks"
    )


def _responses(sweep: Sweep, trials: Sequence[Tried], shares) -> list[Element]:
    rows = [
        [
            responses.draw(name, sweep_axes.of_setting(values), measure, points)
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
    return [
        markup.tag("h2", "What each setting does"),
        markup.tag("p", f"{note}. {_BEYOND}", class_="note"),
        *(markup.tag("div", *row, class_="responses") for row in rows if row),
    ]


def _points(sweep, trials, shares, name: str, measure: str) -> list[responses.Point]:
    return [
        responses.Point(
            number=trial.number,
            setting=trial.settings[name],
            value=trial.values[measure],
            share=shares.get(trial.number),
            about=_about(sweep, trial),
        )
        for trial in trials
        if name in trial.settings and _has(trial, measure)
    ]


def _trials(sweep: Sweep, trials: Sequence[Tried]) -> list[Element]:
    fields = [*dict.fromkeys(name for t in sweep.trials for name in t.settings)]
    first, rest = sweep.measures[:1], sweep.measures[1:]
    titles = ["trial", *first, *fields, "status", *rest]
    buttons = [
        markup.tag("th", markup.tag("button", title, type="button"), scope="col")
        for title in titles
    ]
    best = () if sweep.best is None else sweep.best.numbers
    rows = [
        markup.tag(
            "tr",
            markup.tag("th", _link(trial), scope="row", data_value=f"{trial.number}"),
            *(_measure(trial, name) for name in first),
            *(_setting(trial.settings.get(name)) for name in fields),
            _status(trial),
            *(_measure(trial, name) for name in rest),
            data_trial=f"{trial.number}",
            data_about=_about(sweep, trial),
            class_="best" if trial.number in best else None,
        )
        for trial in trials
    ]
    table = markup.tag(
        "table",
        markup.tag("thead", markup.tag("tr", *buttons)),
        markup.tag("tbody", *rows),
        class_="trials",
    )
    links = [markup.tag("a", name, href=name) for name in sweep.tables]
    shown = f"The best {len(trials):,} of {len(sweep.trials):,} trials; "
    words = [shown] if len(trials) < len(sweep.trials) else []
    words.append("All numbers: ")
    for link in links:
        words += [link, " "]
    return [
        markup.tag("h2", "Every trial"),
        markup.tag("p", *words, class_="note"),
        tables.scrolling(table, "trials"),
    ]


def _link(trial: Tried) -> Element | str:
    if trial.status != _FINISHED:
        return f"{trial.number}"
    return markup.tag("a", f"{trial.number}", href=trial.link)


def _setting(value: sweep_axes.Value | None) -> Element:
    if value is None:
        return markup.tag("td", "–")
    kind = "number" if isinstance(value, int | float) else None
    return markup.tag("td", sweep_axes.short(value), class_=kind, data_value=f"{value}")


def _status(trial: Tried) -> Element:
    said = [markup.tag("small", trial.said)] if trial.said else []
    kind = "verdict contradicted" if trial.status == "failed" else None
    word = markup.tag("span", trial.status, class_=kind)
    return markup.tag("td", word, *said, data_value=trial.status)


def _measure(trial: Tried, name: str) -> Element:
    value = trial.values.get(name)
    if value is None:
        return markup.tag("td", "–", class_="number")
    text = _spread(value, trial.spreads.get(name))
    return markup.tag("td", text, class_="number", data_value=f"{value!r}")
