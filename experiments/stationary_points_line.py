"""Polynomials: their stationary points by analysis, and where descents end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from experiments import descents
from lec7 import problems, report
from lec7.problems import polynomials
from lec7.report import style

if TYPE_CHECKING:
    from experiments import stationary_points

NEAR = 0.01  # distance at which a descent has reached a minimum
ASIDE = 1e-3  # distance from a stationary point at which the loss is compared with it
SOURCE = "introduction to optimisation"
COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE)
MINIMUM = {"marker": "*", "color": style.INK, "markersize": 18, "linestyle": ""}
MAXIMUM = {"marker": "^", "color": style.INK, "markersize": 11, "linestyle": ""}
START = {"marker": "o", "color": style.INK, "markersize": 9, "linestyle": ""}


class Lines(NamedTuple):
    """Descents on N polynomials from S starts each."""

    starts: np.ndarray
    """[N, S]."""
    ends: np.ndarray
    """[N, S]."""
    analyses: tuple[polynomials.Analysis, ...]
    """Of each polynomial."""

    @property
    def ends_in_minima(self) -> np.ndarray:
        """Whether all descents on a polynomial end in a minimum [N]."""
        return np.array(
            [
                np.all(np.abs(ends[:, None] - found.minima).min(axis=1) < NEAR)
                for ends, found in zip(self.ends, self.analyses, strict=True)
            ]
        )

    def found_all(self, starts: int) -> np.ndarray:
        """Return whether the first of the descents find all minima [N]."""
        return np.array(
            [
                np.all(np.abs(ends[:starts] - found.minima[:, None]).min(axis=1) < NEAR)
                for ends, found in zip(self.ends, self.analyses, strict=True)
            ]
        )

    def found_lowest(self, starts: int) -> np.ndarray:
        """Return whether the first of the descents find the global minimum [N]."""
        return np.array(
            [
                np.abs(ends[:starts] - found.lowest).min() < NEAR
                for ends, found in zip(self.ends, self.analyses, strict=True)
            ]
        )


def descend(seeds: Sequence[int], starts: int, steps: int) -> Lines:
    """Descend on a polynomial a seed from many starts."""
    losses, rates = polynomials.on_starts(seeds, starts)
    path = problems.descend(descents.RULES["SGD"], losses, steps, rates=rates)
    return Lines(
        path.points[:, 0, 0].reshape(-1, starts),
        path.points[:, -1, 0].reshape(-1, starts),
        tuple(polynomials.analyse(polynomials.draw(seed)) for seed in seeds),
    )


def told_apart(coefficients: np.ndarray, found: polynomials.Analysis) -> bool:
    """Return whether f is higher to both sides of a point just where f'' > 0."""
    rises = [
        chebyshev.chebval(found.points + side, coefficients) - found.values
        for side in (-ASIDE, ASIDE)
    ]
    higher = np.all(np.stack(rises) > 0, axis=0)
    lower = np.all(np.stack(rises) < 0, axis=0)
    return bool(np.all(np.where(found.curvatures > 0, higher, lower)))


def analysis_claim(config: "stationary_points.Config", lines: Lines) -> report.Claim:
    """Decide whether the derivatives tell minima from maxima."""
    say = report.Claims(source=SOURCE, figure="polynomial", kind="identity")
    return say.share(
        "D01",
        "Where the formula is known, minima come from the derivatives: where the first "
        "is zero, a polynomial is lower than around if the second is positive, and "
        "higher if it is negative.",
        "share of functions",
        [
            told_apart(polynomials.draw(seed), found)
            for seed, found in zip(config.draws, lines.analyses, strict=True)
        ],
        above=0.95,
    )


def descent_claims(
    config: "stationary_points.Config", lines: Lines
) -> list[report.Claim]:
    """Decide what descent finds."""
    ends = report.Claims(source=SOURCE, figure="polynomial")
    starts = report.Claims(source=SOURCE, figure="found_by_starts")
    return [
        ends.share(
            "D01.descent",
            "Descent ends in minima alone: of a polynomial, all its descents end where "
            "analysis finds a minimum.",
            "share of functions",
            lines.ends_in_minima,
            above=0.95,
        ),
        starts.share(
            "D01.numerically",
            f"Descent finds what analysis does: from {config.starts} random starts all "
            "minima of a polynomial.",
            "share of functions",
            lines.found_all(config.starts),
            above=0.95,
        ),
        starts.share(
            "D01.global",
            "A minimum that descent finds need not be the global one: from one start "
            "it finds that in fewer than half of the cases.",
            "share of functions",
            lines.found_lowest(1),
            below=0.5,
        ),
    ]


def on_a_line(config: "stationary_points.Config", lines: Lines) -> report.Section:
    """Show one polynomial, and where descents on it end."""
    place = int(np.argmax([len(found.points) for found in lines.analyses]))
    coefficients, found = polynomials.draw(config.draws[place]), lines.analyses[place]
    x = np.linspace(*found.span, 401)
    y = chebyshev.chebval(x, coefficients)
    starts, ends = lines.starts[place], lines.ends[place]
    heights = chebyshev.chebval(starts, coefficients)
    numbers = {"x": x, "f": y, "starts": starts, "ends": ends, **found._asdict()}
    rows = [
        (
            f"{point:.6f}",
            f"{value:.4f}",
            f"{curvature:.2f}",
            "minimum" if curvature > 0 else "maximum",
            f"{100 * np.mean(np.abs(ends - point) < NEAR):.0f}",
        )
        for point, value, curvature in zip(*found, strict=True)
    ]
    return report.Section(
        "On a line",
        "The derivative of a polynomial is one too, and its roots are the eigenvalues "
        "of a matrix made of its coefficients. Where the second derivative is positive "
        "the root is a minimum, where it is negative a maximum.",
        report.Table(
            ("x", "f", "f″", "kind", "descents that end here (%)"),
            rows,
            "All stationary points of the polynomial.",
        ),
        report.Drawing(
            "polynomial",
            lambda: _draw(x, y, found, starts, heights, ends),
            numbers,
            caption=f"A polynomial of degree {polynomials.DEGREE}: its stationary "
            f"points by analysis, and the starts of {config.starts} descents, in the "
            "colour of the minimum where they end.",
        ),
    )


def _draw(x, y, found, starts, heights, ends):
    """Draw a polynomial, what analysis finds and where descents lead."""
    from matplotlib.lines import Line2D

    figure, (axes,) = style.panels()
    axes.plot(x, y, color=style.INK, label="f")
    for point, value, colour in zip(
        found.minima, found.values[found.curvatures > 0], COLOURS, strict=False
    ):
        there = np.abs(ends - point) < NEAR
        look = START | {"color": colour, "markeredgecolor": "white"}
        axes.plot(starts[there], heights[there], **look)
        axes.plot(point, value, **MINIMUM | {"color": colour})
    tops = found.curvatures < 0
    axes.plot(found.points[tops], found.values[tops], **MAXIMUM)
    high, low = max(heights.max(), found.values.max()), found.values.min()
    axes.set(xlabel="x", ylabel="f(x)")
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    marks = {
        "minimum: f′ = 0, f″ > 0": MINIMUM,
        "maximum: f′ = 0, f″ < 0": MAXIMUM,
        "start of a descent, coloured as its end": START,
    }
    handles = [Line2D([], [], label=label, **look) for label, look in marks.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def many_starts(config: "stationary_points.Config", lines: Lines) -> report.Section:
    """Show how many starts find the global minimum, and all minima."""
    counts = np.arange(1, config.starts + 1)
    return report.Section(
        "How many starts",
        "Where only values and gradients can be had, descent has to start again and "
        "again, and does not know when all minima are found.",
        report.Curves(
            "found_by_starts",
            {
                name: (counts, 100 * report.shares([found(int(c)) for c in counts]))
                for name, found in (
                    ("the global minimum", lines.found_lowest),
                    ("all minima", lines.found_all),
                )
            },
            ("starts", "polynomials (%)"),
            caption=f"Of {len(config.draws)} polynomials, those of which so many "
            "descents from random starts find the global minimum, and all minima.",
            band="In 95 % intervals.",
        ),
    )
