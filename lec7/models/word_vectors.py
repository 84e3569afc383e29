"""Word vectors in the text formats of GloVe and word2vec."""

import itertools
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lec7.models import weight_files


class WordVectors(NamedTuple):
    """An embedding table of a vocabulary."""

    table: np.ndarray
    """A row for each word, zero where the file has none; float32 [V, D]."""
    found: np.ndarray
    """Whether the file has the word; bool [V]."""

    @property
    def coverage(self) -> float:
        """Share of the vocabulary that the file covers."""
        return float(np.mean(self.found))


def word_vectors(path: str | os.PathLike, vocabulary: Sequence[str]) -> WordVectors:
    r"""Return the vectors of a vocabulary from a text file.

    A line is a word and its D numbers, separated by single spaces; the text format of
    word2vec has a first line with the number of words and D. The file is read once,
    line by line, and only the vectors that are asked for are kept; the first counts
    where a word comes twice. A word may have spaces in it, as some of GloVe's have, but
    not the first of a file without the line of numbers, and none of the parts after a
    space may be numbers alone: such a line is one of another width.

    Args:
      path: of the file, in UTF-8.
      vocabulary: V words, as they are spelled in the file.

    Raises:
      ValueError: the vocabulary is empty or holds a word twice.
      WeightsError: the file does not exist, is not text, a line has another number of
        numbers, a number is not finite, or there are not as many words as the first
        line says.

    Example:
      >>> import tempfile
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "vectors.txt"
      >>> _ = file.write_text("the 1 2\nflat 3 4\n")
      >>> vectors = word_vectors(file, ["flat", "minimum"])
      >>> vectors.table.tolist(), vectors.coverage
      ([[3.0, 4.0], [0.0, 0.0]], 0.5)

    References:
      Pennington, Socher and Manning 2014, GloVe; Mikolov et al. 2013, arXiv:1301.3781.
    """
    rows = {word: row for row, word in enumerate(vocabulary)}
    if not rows:
        raise ValueError("vocabulary is empty; expected one or more words")
    for row, word in enumerate(vocabulary):
        if rows[word] != row:
            raise ValueError(f"vocabulary has {word!r} twice; expected different words")
    path = pathlib.Path(path)
    lines = _lines(path)
    first = next(lines)
    head = first.text.split(" ")
    has_sizes = len(head) == 2 and all(map(str.isdecimal, head))
    size = int(head[1]) if has_sizes else len(head) - 1
    table = np.zeros((len(rows), size), np.float32)
    found, count = np.zeros(len(rows), bool), 0
    for line in lines if has_sizes else itertools.chain([first], lines):
        word, numbers = _parts(line, size)
        row, count = rows.get(word), count + 1
        if row is not None and not found[row]:
            table[row], found[row] = _vector(numbers, line.place), True
        elif line is first:
            _vector(numbers, line.place)
    if has_sizes and count != int(head[0]):
        raise weight_files.WeightsError(
            f"{path} has {count} words; expected {head[0]}, as its first line says: "
            "fetch the file again, or correct that line where the file is whole"
        )
    return WordVectors(table, found)


class _Line(NamedTuple):
    text: str
    place: str  # for messages


def _parts(line: _Line, size: int) -> tuple[str, list[str]]:
    """Return the word of a line and its numbers, which are not yet converted.

    Raises:
      WeightsError: the line has fewer numbers, or more.
    """
    word, *numbers = line.text.rsplit(" ", size)
    if not size or len(numbers) < size or not _is_number(numbers[0]):
        some = list(itertools.takewhile(_is_number, reversed(numbers if size else [])))
        if size and len(numbers) == size and not some:
            _vector(numbers, line.place)  # which names what is no number
        raise weight_files.WeightsError(
            f"{line.place} has {len(some)} numbers; expected a word and "
            f"{size or 'its'} numbers, separated by spaces: fetch the file again"
        )
    if " " in word or "\t" in word:
        more = re.split(r"[ \t]", word)[1:]
        if all(map(_is_number, more)):
            raise weight_files.WeightsError(
                f"{line.place} has {size + len(more)} numbers; expected a word and "
                f"{size}, as on the first line, separated by single spaces and no "
                "tabs: fetch the file again"
            )
    return word, numbers


def _is_number(text: str) -> bool:
    try:
        return float(text) is not None
    except ValueError:
        return False


def _lines(path: pathlib.Path) -> Iterator[_Line]:
    """Yield the lines of a file.

    Raises:
      WeightsError: it does not exist, is empty, or is not text.
    """
    count = 0
    try:
        # Only a newline ends a line: some of GloVe's words are other white space.
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for count, line in enumerate(file, start=1):
                yield _Line(line.rstrip(" \r\n"), f"line {count} of {path}")
    except FileNotFoundError as error:
        raise weight_files.WeightsError(
            f"{path} does not exist; expected a file of word vectors: check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise weight_files.WeightsError(
            f"{path} is not UTF-8 text; expected the text format of GloVe or word2vec, "
            "not the binary one: save the vectors as text"
        ) from error
    if count == 0:
        raise weight_files.WeightsError(
            f"{path} is empty; expected a word vector a line: fetch the file again"
        )


def _vector(numbers: Sequence[str], place: str) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            vector = np.array(numbers, np.float32)
    except ValueError as error:
        raise weight_files.WeightsError(
            f"{place} is not a word and its numbers ({error}): fetch the file again"
        ) from error
    if not np.isfinite(vector).all():
        raise weight_files.WeightsError(
            f"{place} has {vector[~np.isfinite(vector)][0]} among its numbers; "
            "expected finite ones: fetch the file again, or take the line out"
        )
    return vector
