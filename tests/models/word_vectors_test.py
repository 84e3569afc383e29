"""Word vectors in text: both formats, odd words, and files that are something else."""

import numpy as np
import pytest

from lec7 import models

GLOVE = "the 0.5 -1 2e-1\nflat 1 2 3\n. . . 4 5 6\nflat 7 8 9\n\u00a0 1 1 1\n"
WORD2VEC = "3 3\n</s> 0 0 0\nflat 1 2 3 \nthe 0.5 -1 0.2 \n"


def write(folder, text):
    (folder / "vectors.txt").write_bytes(text.encode())
    return folder / "vectors.txt"


@pytest.mark.parametrize("text", [GLOVE, WORD2VEC, GLOVE.replace("\n", "\r\n")])
def test_words_have_the_rows_of_the_vocabulary(text, tmp_path):
    vocabulary = ["minimum", "flat", "the"]
    vectors = models.word_vectors(write(tmp_path, text), vocabulary)
    assert vectors.table.dtype == np.float32
    expected = np.float32([[0, 0, 0], [1, 2, 3], [0.5, -1, 0.2]])
    np.testing.assert_array_equal(vectors.table, expected)
    np.testing.assert_array_equal(vectors.found, [False, True, True])
    assert vectors.coverage == 2 / 3


def test_words_may_be_of_spaces(tmp_path):
    vectors = models.word_vectors(write(tmp_path, GLOVE), [". . .", "\u00a0"])
    np.testing.assert_array_equal(vectors.table, [[4, 5, 6], [1, 1, 1]])


@pytest.mark.parametrize("text", ["2 2\na 1 2\nb 3 4\n", "a 1 2\nb 3 4\n"])
def test_a_byte_order_mark_is_no_part_of_the_first_word(text, tmp_path):
    vectors = models.word_vectors(write(tmp_path, f"\ufeff{text}"), ["a", "b"])
    np.testing.assert_array_equal(vectors.table, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a 1 2\nb 3\n",
            "line 2 of .*vectors.txt has 1 numbers; expected a word and 2",
        ),
        ("a\n", "line 1 of .* has 0 numbers; expected a word and its numbers"),
        ("2 2\na 1\n", "line 2 of .* has 1 numbers; expected a word and 2 numbers"),
        ("a 1 x\n", "line 1 of .* is not a word and its numbers"),
        ("", "vectors.txt is empty; expected a word vector a line"),
        (
            "a 1 2\nb 3 4 5\n",
            "line 2 of .* has 3 numbers; expected a word and 2, as on",
        ),
        ("2 2\na 3 4 5\nb 1 2\n", "line 2 of .* has 3 numbers; expected a word and 2,"),
        # Only a prefix of each line is one of its width.
        ("a 1 2\nNew York 3\n", "line 2 of .* has 1 numbers; expected a word and 2"),
        (
            "a\t1 2\nb\t3 4\n",
            "line 1 of .* has 2 numbers; .* single spaces and no tabs",
        ),
        # yanshao9798/tagger#5: what a merge leaves is no vector of one number.
        ("<<<<<<< HEAD\na 1 2\nb 3 4\n", "line 1 of .* is not a word and its numbers"),
        ("x\na 1 2\n", "line 1 of .* has 0 numbers; expected a word and its numbers"),
        # facebookresearch/fastText#452: 999,999 words of 1,000,000.
        ("5 2\na 1 2\nb 3 4\n", "has 2 words; expected 5, as its first line says: fet"),
        ("1 2\na 1 2\nb 3 4\n", "has 2 words; expected 1, as its first line says: fet"),
        ("a 1 2\nb nan 4\n", "line 2 of .* has nan among its numbers; expected finite"),
        ("a 1 2\nb 3 1e99\n", "line 2 of .* has inf among its numbers; expected fini"),
    ],
)
def test_a_file_that_is_not_one_of_word_vectors_is_named(text, message, tmp_path):
    with pytest.raises(models.WeightsError, match=message):
        models.word_vectors(write(tmp_path, text), ["a", "b"])


def test_a_binary_file_and_one_that_is_missing_are_named(tmp_path):
    binary = tmp_path / "vectors.bin"
    binary.write_bytes(b"1 2\nflat \x00\x00\x80\xbf\x00\x00\x80\xff\n")
    with pytest.raises(models.WeightsError, match="not UTF-8 text; expected the text"):
        models.word_vectors(binary, ["flat"])
    with pytest.raises(models.WeightsError, match="missing.txt does not exist"):
        models.word_vectors(tmp_path / "missing.txt", ["flat"])


@pytest.mark.parametrize(
    ("vocabulary", "message"), [([], "is empty"), (["b", "a", "b"], "has 'b' twice")]
)
def test_a_vocabulary_has_words_and_each_once(vocabulary, message, tmp_path):
    with pytest.raises(ValueError, match=f"vocabulary {message}; expected"):
        models.word_vectors(write(tmp_path, GLOVE), vocabulary)
