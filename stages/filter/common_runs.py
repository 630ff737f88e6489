"""Runs of words that a text has in common with one of the test split, found by the n-grams of both."""

from typing import NamedTuple

import numpy as np
import polars as pl

from stages.similarity.ngrams import ngram_hashes, words

TABLE_BITS = 24
# positions in the part of train and in test, and the words
FOUND = {"at": pl.UInt32, "test": pl.UInt32, "matched": pl.String}


class Runs(NamedTuple):
    """The n-grams of the test split: hashes ascending, the first text that has each and where; texts are questions (2
    i) and solutions (2 i + 1)."""

    hashes: np.ndarray
    texts: np.ndarray
    offsets: np.ndarray
    table: np.ndarray  # bool by the low TABLE_BITS of a hash: what is not there needs no look-up
    words: list[list[str]]


def index_runs(test: pl.DataFrame, ngram: int) -> Runs:
    texts = test.select(words(pl.concat_list("question", "solution").explode())).to_series()
    rows, hashes, offsets = full_ngrams(texts, ngram)
    hashes, first = np.unique(hashes, return_index=True)
    table = np.zeros(1 << TABLE_BITS, dtype=bool)
    table[places(hashes)] = True
    return Runs(hashes, rows[first], offsets[first], table, texts.to_list())


def full_ngrams(words: pl.Series, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, hashes and offsets of all n-grams of n words; texts with fewer have none."""
    rows, hashes = ngram_hashes(words, n)
    starts = np.searchsorted(rows, np.arange(len(words), dtype=np.uint32))
    offsets = np.arange(len(rows)) - starts[rows]
    full = (words.list.len() >= n).to_numpy()[rows]
    return rows[full], hashes[full], offsets[full]


def places(hashes: np.ndarray) -> np.ndarray:
    return (hashes & np.uint64((1 << TABLE_BITS) - 1)).astype(np.int64)


def common_runs(ours: pl.Series, runs: Runs, n: int) -> pl.DataFrame:
    """For every text of ours with an n-gram of theirs: the first such text, and the run of words around the first hit
    in it."""
    rows, hashes, offsets = full_ngrams(ours, n)
    maybe = np.flatnonzero(runs.table[places(hashes)])
    where = np.searchsorted(runs.hashes, hashes[maybe]).clip(max=max(len(runs.hashes) - 1, 0))
    hit = runs.hashes[where] == hashes[maybe] if len(runs.hashes) else np.zeros(0, dtype=bool)
    maybe, where = maybe[hit], where[hit]
    order = np.lexsort((maybe, runs.texts[where], rows[maybe]))
    maybe, where = maybe[order], where[order]
    at, first = np.unique(rows[maybe], return_index=True)
    found: list[tuple[int, int, str]] = []
    for row, text, start, their_start in zip(
        at, ours.gather(at).to_list(), offsets[maybe[first]], where[first], strict=True
    ):
        test = int(runs.texts[their_start])
        run = common_run(text, runs.words[test], int(start), int(runs.offsets[their_start]))
        if len(run) >= n:  # else the hashes agree by chance
            found.append((int(row), test // 2, " ".join(run)))
    return pl.DataFrame(found, schema=FOUND, orient="row")


def common_run(left: list[str], right: list[str], i: int, j: int) -> list[str]:
    """The longest run of words in both that covers left[i] and right[j]; empty where these differ."""
    back = 0
    while back < min(i, j) and left[i - back - 1] == right[j - back - 1]:
        back += 1
    on = 0
    while on < min(len(left) - i, len(right) - j) and left[i + on] == right[j + on]:
        on += 1
    return left[i - back : i + on] if on else []
