"""The words of a page: paragraphs, links to what they cite, and terms explained."""

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element

from lec7.report import markup

_VIDEO = "https://www.youtube.com/watch?v=_JB0AO7QxSA&t={}s"
_CITED = re.compile(r"(?P<time>\b\d:\d\d:\d\d\b)|(?P<arxiv>arXiv:\d{4}\.\d{4,5})")

# What a student may ask, in a sentence each; the term as it is written, or its plural.
GLOSSARY = {
    "nats": "Unit of the cross-entropy, with natural logarithms: a guess among ten "
    "classes costs 2.30 nats.",
    "Hessian": "The matrix of second derivatives of the loss: how its slope changes "
    "along every pair of directions.",
    "top eigenvalue": "The largest curvature of the loss in any direction.",
    "eigenvector": "A direction in which a matrix only stretches; its eigenvalue says "
    "by how much.",
    "trace": "The sum of the eigenvalues: the curvature, summed over all directions.",
    "filter-normalised": "Of a random direction whose every filter, or row, is as long "
    "as the one of the network that it is added to, so that networks of different "
    "scale can be compared.",
    "Kendall's tau": "How far two rankings agree: 1 in the same order, 0 unrelated, "
    "−1 in reverse.",
    "Hutchinson": "An estimate of a trace from products of the matrix with random "
    "vectors of signs.",
    "Lanczos": "An iteration that finds extreme eigenvalues from products with the "
    "matrix alone.",
    "condition number": "The largest curvature over the smallest: how long the valley "
    "is for its width.",
    "ill-conditioned": "Much steeper in one direction than in another.",
    "saddle": "A point without slope that is a minimum in some directions and a "
    "maximum in others.",
    "Nesterov": "Momentum that takes its gradient where the step leads to.",
    "weight decay": "Every update shrinks the weights by a factor.",
    "almost Adam": "Adam without bias correction, the lecture's first version of it.",
    "label smoothing": "Every label gives a small share of itself to all classes.",
    "dropout": "Every update leaves out each neuron with a fixed probability.",
    "BatchNorm": "Every feature is given mean 0 and variance 1 over the batch, then a "
    "learned scale and shift.",
    "epoch": "As many updates as it takes to see every training example once.",
    "generalisation gap": "Test loss minus training loss, or training accuracy minus "
    "test accuracy.",
    "barrier": "How far the loss rises on the way between two networks above the line "
    "between their losses.",
    "learning rate": "The factor of a step: how far an update goes.",
    "standard deviation": "The typical distance of a value from the mean.",
    "Fisher-Rao norm": "A size of the weights that no rescaling of layers changes.",
    "SAM": "Sharpness-aware minimisation: the gradient is taken at the worst point "
    "nearby.",
    "L-BFGS": "A quasi-Newton rule: it builds the inverse Hessian from the last few "
    "steps.",
    "edge of stability": "The curvature 2 / rate, above which gradient descent "
    "oscillates and grows.",
    "snapshot": "The weights at one moment of a training.",
    "Holm's correction": "Of many tests: it keeps the chance that any of them is "
    "falsely decided below 5 %.",
    "geometric mean": "The mean of logarithms, taken back: of 1 and 100 it is 10.",
}
_TERM = re.compile(
    r"\b(?P<term>"
    + "|".join(sorted(map(re.escape, GLOSSARY), key=len, reverse=True))
    + r")(?:s|es)?\b"
)

Words = list[Element | str]


def prose(text: str) -> list[Element]:
    r"""Return paragraphs of a text: an empty line separates them, backticks mark code.

    Example:
      >>> [markup.serialise(paragraph) for paragraph in prose("The `params`.\n\nEnd.")]
      ['<p>The <code>params</code>.</p>', '<p>End.</p>']
    """
    parts = re.split(r"\n\s*\n", text.strip())
    return [markup.tag("p", *inline(part)) for part in parts if part]


def inline(text: str) -> Words:
    """Return a text with code between backticks, and its first use of a term explained.

    Example:
      >>> [markup.serialise(x) for x in inline("nats")][0][:28]
      '<span class="term" tabindex='
    """
    told: set[str] = set()
    return [
        part
        for place, piece in enumerate(text.split("`"))
        for part in (
            [markup.tag("code", piece)] if place % 2 else _explained(piece, told)
        )
        if not isinstance(part, str) or part
    ]


def cited(text: str) -> Words:
    """Return where a claim comes from, times of the lecture and arXiv ids as links.

    Example:
      >>> [link] = [x for x in cited("lecture, 0:39:51") if not isinstance(x, str)]
      >>> link.get("href")[-8:], link.text
      ('&t=2391s', '0:39:51')
    """
    parts: Words = []
    end = 0
    for found in _CITED.finditer(text):
        link = markup.tag("a", found[0], href=_address(found), rel="noreferrer")
        parts += [text[end : found.start()], link]
        end = found.end()
    return [part for part in (*parts, text[end:]) if part != ""]


def _address(found: re.Match) -> str:
    if found["arxiv"]:
        return f"https://arxiv.org/abs/{found[0].removeprefix('arXiv:')}"
    hours, minutes, seconds = map(int, found[0].split(":"))
    return _VIDEO.format(3600 * hours + 60 * minutes + seconds)


def _explained(text: str, told: set[str]) -> Iterable[Element | str]:
    end = 0
    for found in _TERM.finditer(text):
        term = found["term"]
        if term not in told:
            told.add(term)
            yield text[end : found.start()]
            tip = {"data_tip": GLOSSARY[term], "aria_description": GLOSSARY[term]}
            yield markup.tag("span", found[0], class_="term", tabindex="0", **tip)
            end = found.end()
    yield text[end:]
