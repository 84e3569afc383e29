"""The claims of a page: what was tested of each, what was found, and the verdict."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from lec7.report import claims, formats, markup, tables, wording

_SIGNS = {"supported": "✓", "contradicted": "✗", "inconclusive": "?", "untested": "–"}
_TITLES = ("verdict", "claim", "effect", "95 % interval", "tested", "figure")
_WIDTH, _HEIGHT, _MARGIN = 150, 26, 6  # of a picture, in pixels

CAPTION = (
    "The empirical claims of this page are decided together, by Holm's correction: "
    "with a probability of 95 % no verdict on them is false. In a picture the tested "
    "range is shaded; the thick line is the 95 % interval, and the thin one, at the "
    "level of the verdict, has to lie inside or outside of the range."
)


def counts(decided: Sequence[claims.Claim]) -> list[Element | str]:
    """Return how many claims have which verdict; what had to be so is told apart."""
    empirical, other = (
        [claim for claim in decided if (claim.kind == "empirical") == wanted]
        for wanted in (True, False)
    )
    count = Counter(claim.verdict for claim in empirical)
    badges = [
        markup.tag(
            "span", f"{_SIGNS[name]} {count[name]} {name}", class_=f"verdict {name}"
        )
        for name in claims.VERDICTS
        if count[name]
    ]
    if not other:
        return badges
    held = sum(claim.verdict == "supported" for claim in other)
    kept = f"{held} of {len(other)} identities and definitions hold"
    return [*badges, kept if badges else kept[0].upper() + kept[1:]]


def badge(claim: claims.Claim) -> Element:
    """Return the verdict on a claim."""
    sign = f"{_SIGNS[claim.verdict]} {claim.verdict}"
    return markup.tag("span", sign, class_=f"verdict {claim.verdict}")


def render(decided: Sequence[claims.Claim], numbering: Mapping[str, int]) -> Element:
    """Return the claims in families that unfold.

    Args:
      decided: the claims; those with one id up to its first point, about one figure,
        are a family.
      numbering: name of a figure -> its number.
    """
    families: dict[tuple[str, str | None], list[claims.Claim]] = {}
    for claim in decided:
        family = claim.id.partition(".")[0], claim.figure
        families.setdefault(family, []).append(claim)
    return markup.tag(
        "div",
        markup.tag("p", CAPTION, class_="note"),
        *(_family(members, numbering) for members in families.values()),
        class_="families",
    )


def _family(members: Sequence[claims.Claim], numbering: Mapping[str, int]) -> Element:
    """Return the first claim of a family in a line, and a table of all below it."""
    first, *others = members
    statement = markup.tag("span", first.statement, class_="statement")
    line = markup.tag(
        "summary",
        badge(first),
        markup.tag("span", statement, *_signs(others)),
        markup.tag("span", *_brief(first), class_="effect"),
    )
    header = (markup.tag("th", title, scope="col") for title in _TITLES)
    table = markup.tag(
        "table",
        markup.tag("thead", markup.tag("tr", *header)),
        markup.tag("tbody", *(_row(claim, numbering) for claim in members)),
        class_="claims",
    )
    name = f"claims of {first.id}"
    return markup.tag("details", line, tables.scrolling(table, name), class_="family")


def _brief(claim: claims.Claim) -> list[Element | str]:
    """Return the effect, and the range it was compared with."""
    number = formats.format_number(claim.effect)
    if claim.interval is not None:
        number += f" ({formats.format_interval(claim.interval)})"
    tested = f"tested: {formats.format_range(claim.above, claim.below)}"
    notes = (markup.tag("small", note) for note in (claim.unit, tested))
    return [number, *_picture(claim), *notes]


def _signs(others: Sequence[claims.Claim]) -> list[Element]:
    """Return how many more claims there are, and how many have which verdict."""
    if not others:
        return []
    count = Counter(claim.verdict for claim in others)
    signs = (
        markup.tag("b", f"{_SIGNS[name]} {count[name]}", class_=name)
        for name in claims.VERDICTS
        if count[name]
    )
    more = f"and {len(others)} more: " if len(others) > 1 else "and another: "
    return [markup.tag("small", more, *signs, class_="signs")]


def _row(claim: claims.Claim, numbering: Mapping[str, int]) -> Element:
    """Return the row of a claim; labels stand in for the header on a narrow page."""
    kind = () if claim.kind == "empirical" else (markup.tag("small", claim.kind),)
    where = markup.tag("small", f"{claim.id}, ", *wording.cited(claim.source))
    figure = "–"
    if claim.figure:
        number = f"{numbering[claim.figure]}"
        figure = markup.tag("a", number, href=f"#figure-{claim.figure}")
    cells = (
        (badge(claim), *kind),
        (*wording.inline(claim.statement), where),
        (formats.format_number(claim.effect), markup.tag("small", claim.unit)),
        (formats.format_interval(claim.interval), *_picture(claim)),
        (
            formats.format_range(claim.above, claim.below),
            *(markup.tag("small", note) for note in _notes(claim)),
        ),
        (figure,),
    )
    return markup.tag(
        "tr",
        *(
            markup.tag("td", *content, data_label=label)
            for label, content in zip(_TITLES, cells, strict=True)
        ),
        id=f"claim-{claim.id}",
    )


def _notes(claim: claims.Claim) -> list[str]:
    """Return what is to be known of a verdict, a sentence each."""
    number = formats.format_number
    notes = [f"n = {claim.seeds:,}"] if claim.seeds > 1 else []
    if claim.corrected_p is not None:
        alone, together = (_probability(p) for p in (claim.p, claim.corrected_p))
        notes.append(f"p {alone}, corrected {together}")
    if claim.chance is not None:
        parts = (f"{name} ±{number(half)}" for name, half in claim.chance.items())
        notes.append(", ".join(parts))
    if claim.detectable is not None:
        digits = 3 if claim.ratio else 1
        distance = number(claim.detectable, digits=digits)
        told = f"a factor of {distance}" if claim.ratio else distance
        notes.append(f"{told} inside the range would be found with 80 % power")
    return [*notes, claim.why] if claim.why else notes


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {formats.format_number(p, digits=2)}"


def _picture(claim: claims.Claim) -> list[Element]:
    """Return the interval beside the range that it was compared with."""
    wide = claim.corrected_interval or claim.interval
    if claim.effect is None or wide is None:
        return []
    scale = math.log if claim.ratio else float
    known = [claim.effect, *claim.interval, *wide, claim.above, claim.below]
    known = [x for x in known if x is not None and math.isfinite(x)]
    places = [scale(x) for x in known if not claim.ratio or x > 0]
    low, high = min(places), max(places)
    margin = _MARGIN / _WIDTH * (high - low or 1)
    low, high = low - 2 * margin, high + 2 * margin

    def at(value, otherwise):
        if value is None or not math.isfinite(value) or claim.ratio and value <= 0:
            return otherwise
        return round((scale(value) - low) / (high - low) * _WIDTH, 1)

    def bar(ends, **kind):
        left, right = at(ends[0], 0), at(ends[1], _WIDTH)
        middle = _HEIGHT // 2
        return _line(left, right, middle, middle, **kind)

    left, right = at(claim.above, 0), at(claim.below, _WIDTH)
    shade = markup.tag(
        "rect", x=f"{left}", y="2", width=f"{right - left:.1f}", height=f"{_HEIGHT - 4}"
    )
    ends = [
        _line(x, x, 2, _HEIGHT - 2, class_="end")
        for x in (left, right)
        if 0 < x < _WIDTH
    ]
    dot = markup.tag(
        "circle", cx=f"{at(claim.effect, 0)}", cy=f"{_HEIGHT // 2}", r="3.2"
    )
    parts = shade, *ends, bar(wide), bar(claim.interval, class_="plain"), dot
    tested = formats.format_range(claim.above, claim.below)
    name = f"{formats.format_interval(claim.interval)}; tested: {tested}"
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    picture = markup.tag(
        "svg", *parts, class_="interval", role="img", aria_label=name, viewBox=box
    )
    return [picture]


def _line(x1, x2, y1, y2, **attributes):
    return markup.tag(
        "line", x1=f"{x1}", x2=f"{x2}", y1=f"{y1}", y2=f"{y2}", **attributes
    )
