"""Data sets between which networks are transferred.

Two are parts of `glyphs` that share neither a class nor a font: `letters`, the 37
letters in the eight fonts without serifs, and `numerals`, the ten numerals in the four
with. A config may follow, as in `letters/colour32-60000`. All other names are TFDS's.
"""

import numpy as np

from lec7 import data
from lec7.data import glyphs, preparation, records

NUMERALS = 10  # the first classes of `glyphs`
GLYPHS = "grey16-36000"
"""The config of letters and numerals whose name does not say another."""
DEALT = {"train": 2, "validation": 1, "test": 2}
"""Of five numerals of a class, in the order of the records, those of each split."""


def load(name: str) -> data.Dataset:
    """Return a data set with images in [0, 1]: `letters`, `numerals` or any other."""
    part, _, config = name.partition("/")
    if part == "letters":
        return _letters(name, config or GLYPHS)
    if part == "numerals":
        return _numerals(name, config or GLYPHS)
    return data.load(name)


def _letters(name: str, config: str) -> data.Dataset:
    splits = {}
    for role, (images, labels, serif) in _records(config).items():
        chosen = (labels >= NUMERALS) & ~serif
        splits[role] = data.Split(images[chosen], labels[chosen] - NUMERALS)
    return data.Dataset(name, len(glyphs.CHARACTERS) - NUMERALS, **splits)


def _numerals(name: str, config: str) -> data.Dataset:
    # Dealt anew, since those in the test split of `glyphs` are too few to test with.
    parts = zip(*_records(config).values(), strict=True)
    images, labels, serif = map(np.concatenate, parts)
    chosen = (labels < NUMERALS) & serif
    images, labels = images[chosen], labels[chosen]
    rank = np.empty_like(labels)  # among the examples of its class
    rank[np.argsort(labels, kind="stable")] = np.concatenate(
        [np.arange(count) for count in np.bincount(labels)]
    )
    turns = np.repeat(list(DEALT), list(DEALT.values()))
    owner = turns[rank % len(turns)]
    splits = {
        role: data.Split(images[owner == role], labels[owner == role]) for role in DEALT
    }
    return data.Dataset(name, NUMERALS, **splits)


def _records(config: str) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return images, labels and whether the font has serifs, by split."""
    builder = preparation.prepared(f"glyphs/{config}")
    serif = np.array(["Serif" in font for font in glyphs.FONTS])
    found = {}
    for role in DEALT:
        numbers = range(builder.info.splits[role].num_examples)
        rows = records.opened(builder, role)(numbers, "image", "label", "font")
        images, labels, fonts = map(np.stack, zip(*rows, strict=True))
        found[role] = np.float32(images) / 255, np.int32(labels), serif[fonts]
    return found
