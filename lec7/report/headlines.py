"""The sentences of a headline, built from verdicts and effects."""

from collections.abc import Mapping, Sequence

from lec7.report import claims, formats


def by_verdict(
    decided: Sequence[claims.Claim],
    id: str,
    supported: str,
    contradicted: str,
    otherwise: str,
) -> str:
    """Return the words for the verdict on a claim, of which a headline is made.

    Args:
      decided: the claims of a page.
      id: of the claim.
      supported: words for a claim that is; in any words `{}` stands for the effect,
        `{size}` for it without its sign, and `{percent}` for a share in per cent.
      contradicted: words for one that is.
      otherwise: words for one that is inconclusive or untested.

    Returns:
      The words of its verdict.

    Example:
      >>> from lec7.report import vocabulary
      >>> say = vocabulary.Claims(source="lecture, 0:45:19")
      >>> lower = say.mean("L36", "Decay pays.", "nats", [0.1, 0.2, 0.15], above=0)
      >>> by_verdict([lower], "L36", "pays {} nats", "costs {size} nats", "may pay")
      'pays 0.150 nats'
    """
    claim = {of.id: of for of in decided}[id]
    effect = formats.format_number(claim.effect)
    percent = "–" if claim.effect is None else f"{100 * claim.effect:.0f} %"
    percent = percent.replace("-", "−")
    words = _chosen(claim, (supported, contradicted, otherwise))
    return words.format(effect, size=effect.lstrip("−"), percent=percent)


def group_by_verdict(
    decided: Sequence[claims.Claim],
    names: Mapping[str, str],
    supported: str,
    contradicted: str,
    otherwise: str,
) -> str:
    """Return the words for several claims, those of one verdict named together.

    Args:
      decided: the claims of a page.
      names: id of a claim -> what a sentence calls it.
      supported: words for the claims that are; `{}` stands for their names.
      contradicted: words for those that are.
      otherwise: words for those that are inconclusive or untested.

    Returns:
      The words of the verdicts that occur; nothing if no claim has a name.

    Example:
      >>> from lec7.report import vocabulary
      >>> say = vocabulary.Claims(source="lecture, 0:45:19")
      >>> two = [say.mean(id, "", "", [1, 2, 1.5], above=0) for id in ("a", "b")]
      >>> names = {"a": "steps", "b": "a cosine"}
      >>> group_by_verdict(two, names, "better with {}", "worse with {}", "open for {}")
      'better with steps and a cosine'
    """
    choices = supported, contradicted, otherwise
    groups = {words: [] for words in choices}
    for claim in decided:
        if claim.id in names:
            groups[_chosen(claim, choices)].append(names[claim.id])
    told = [words.format(listing(of)) for words, of in groups.items() if of]
    parts = ", ".join(told[:-1]), "".join(told[-1:])
    return ", but ".join(filter(None, parts))


def listing(words: Sequence[str]) -> str:
    """Return words as a sentence lists them.

    Example:
      >>> listing(["SGD", "momentum", "Adam"]), listing(["SGD"]), listing([])
      ('SGD, momentum and Adam', 'SGD', 'none')
    """
    *first, last = words or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


def effects(decided: Sequence[claims.Claim]) -> dict[str, str]:
    """Return id -> effect as a sentence has it."""
    return {claim.id: formats.format_number(claim.effect) for claim in decided}


def _chosen(claim, words):
    return words[{"supported": 0, "contradicted": 1}.get(claim.verdict, 2)]
