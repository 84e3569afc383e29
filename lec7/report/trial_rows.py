"""Every trial of a sweep as a row of a table that can be sorted."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from lec7.report import markup, sweep_axes, tables, tried


def render(sweep: tried.Sweep, trials: Sequence[tried.Trial]) -> list[Element]:
    """Return a heading, links to all numbers, and the table.

    Args:
      sweep: all of it.
      trials: the rows, in their order at first.
    """
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
            data_about=tried.about(sweep, trial),
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
    words = [shown] if tried.is_cut(sweep) else []
    words.append("all numbers: " if words else "All numbers: ")
    for link in links:
        words += [link, " "]
    return [
        markup.tag("h2", "Every trial"),
        markup.tag("p", *words, class_="note"),
        tables.scrolling(table, "trials"),
    ]


def _link(trial: tried.Trial) -> Element | str:
    if trial.status != tried.FINISHED:
        return f"{trial.number}"
    return markup.tag("a", f"{trial.number}", href=trial.link)


def _setting(value: sweep_axes.Value | None) -> Element:
    if value is None:
        return markup.tag("td", "–")
    kind = "number" if isinstance(value, int | float) else None
    return markup.tag("td", sweep_axes.short(value), class_=kind, data_value=f"{value}")


def _status(trial: tried.Trial) -> Element:
    said = [markup.tag("small", trial.said)] if trial.said else []
    kind = "verdict contradicted" if trial.status == "failed" else None
    word = markup.tag("span", trial.status, class_=kind)
    return markup.tag("td", word, *said, data_value=trial.status)


def _measure(trial: tried.Trial, name: str) -> Element:
    value = trial.values.get(name)
    if value is None:
        return markup.tag("td", "–", class_="number")
    text = tried.spread(value, trial.spreads.get(name))
    return markup.tag("td", text, class_="number", data_value=f"{value!r}")
