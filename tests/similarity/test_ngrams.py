"""Words, their n-grams and what is counted of them, by hand."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.similarity.ngrams import (
    BLOCK,
    WORD,
    Sets,
    ngram_hashes,
    ngram_sets,
    num_common,
    overlap,
    repeated_share,
    shared,
    take,
    words,
)


def lists(*texts: str) -> pl.Series:
    return pl.select(words(pl.lit(pl.Series(texts, dtype=pl.String)))).to_series()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Hello, World! (again)", ["hello", "world", "again"]),
        ("3.5 is not 35.", ["3.5", "is", "not", "35"]),
        ("$1,200.50, or 2nd?", ["1,200.50", "or", "2nd"]),
        ("3+4=7; x2.5", ["3", "4", "7", "x2.5"]),
        (".5, the U.S., 2,3,5. ", ["5", "the", "u.s", "2,3,5"]),
        ("one.\n\n- two\nthree\tfour  five...six", ["one", "two", "three", "four", "five", "six"]),
        ("Ärger im CAFÉ — naïve", ["ärger", "im", "café", "naïve"]),
        ("Привет, мир", ["привет", "мир"]),
        ("it's", ["it", "s"]),
        (" \n?!", []),
        ("", []),
    ],
)
def test_words(text: str, wanted: list[str]) -> None:
    assert lists(text).to_list() == [wanted]


@given(st.text(alphabet=st.sampled_from("ab1Ü., \n-$…")))
def test_words_are_what_the_pattern_finds(text: str) -> None:
    assert lists(text).to_list() == [re.findall(WORD, text.lower())]


def test_ngrams_stay_within_their_text_and_in_its_order() -> None:
    rows, hashes = ngram_hashes(lists("a b c d", "", "b c", "d b c", "x a b c"), 3)
    assert rows.tolist() == [0, 0, 2, 3, 4, 4]
    assert rows.dtype == np.uint32
    assert hashes.dtype == np.uint64
    assert hashes[5] == hashes[0]  # a b c
    assert len(set(hashes.tolist())) == 5


def test_the_order_of_words_matters() -> None:
    _, hashes = ngram_hashes(lists("a b", "b a", "a", "a a"), 2)
    assert len(set(hashes.tolist())) == 4


def test_a_short_text_has_one_hash_of_all_its_words() -> None:
    rows, hashes = ngram_hashes(lists("a b", "a b c", "A, b!"), 9)  # more than all words together
    assert rows.tolist() == [0, 1, 2]
    assert hashes[0] == hashes[2] != hashes[1]


def test_no_texts_and_no_words() -> None:
    assert [len(part) for part in ngram_hashes(lists(), 3)] == [0, 0]
    assert [len(part) for part in ngram_hashes(lists("", "."), 3)] == [0, 0]
    assert ngram_sets(lists(), 3).starts.tolist() == [0]


def test_sets_hold_each_ngram_once_and_ascend() -> None:
    sets = ngram_sets(lists("a b a b a", "", "c d"), 2)
    assert sets.starts.tolist() == [0, 2, 2, 3]
    assert sets.hashes[0] < sets.hashes[1]


def test_sets_are_the_same_in_whatever_block_a_row_is() -> None:
    texts = [f"text {i % 7} of many" for i in range(BLOCK + 10)]
    sets, alone = ngram_sets(lists(*texts), 2), ngram_sets(lists(texts[BLOCK + 5]), 2)
    assert len(sets.starts) == BLOCK + 11
    assert take(sets, np.array([BLOCK + 5])).hashes.tolist() == alone.hashes.tolist()


def test_sets_are_taken_in_any_order() -> None:
    sets = Sets(np.array([0, 2, 2, 3]), np.array([5, 9, 7], dtype=np.uint64))
    taken = take(sets, np.array([2, 0, 1, 2]))
    assert taken.starts.tolist() == [0, 1, 3, 3, 4]
    assert taken.hashes.tolist() == [7, 5, 9, 7]


def test_common_hashes_are_counted_row_by_row() -> None:
    left = Sets(np.array([0, 2, 2, 3]), np.array([5, 9, 7], dtype=np.uint64))
    right = Sets(np.array([0, 3, 4, 5]), np.array([4, 5, 9, 7, 8], dtype=np.uint64))
    assert num_common(left, right).tolist() == [2, 0, 0]


def test_repeated_share() -> None:
    # a b a b a b: of a b, b a, a b, b a, a b two are distinct
    assert repeated_share(lists("a b a b a b", "a b c", "a", ""), 2).tolist() == [1 - 2 / 5, 0, 0, 0]


def test_overlap_and_shared() -> None:
    left, right = lists("a b c d", "a b", "", "x"), lists("b c d e f", "A b.", "", "")
    assert overlap(left, right, 2).tolist() == [2 / 5, 1, 0, 0]  # b c, c d of a b, b c, c d, d e, e f
    assert shared(left, right, 2).tolist() == [2, 1, 0, 0]
    assert shared(lists("a b a b"), lists("a b"), 2).tolist() == [1]
