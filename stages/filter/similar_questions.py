"""Questions with nearly the words of one of the test split, and the same numbers as often."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from stages.similarity.near_duplicates import bounded_jaccard
from stages.similarity.ngrams import BLOCK, Sets, distinct, ngram_hashes, outlines, words
from stages.similarity.prefix_filter import RANK_BITS, block_prefixes, can_be_near, prefixes, rarity

NUMBER = r"\d+(?:[.,]\d+)*"
PAIRS_AT_ONCE = 1 << 20


class Questions(NamedTuple):
    sets: Sets
    outline: np.ndarray
    rarity: np.ndarray
    met: np.ndarray
    row_bits: int
    texts: pl.Series


def word_sets(texts: pl.Series, words: pl.Series) -> Sets:
    """Of at most BLOCK questions the sets of words, each word mixed with the numbers of its question: other numbers,
    nothing in common."""
    numbers = texts.str.extract_all(NUMBER).list.sort().list.join(" ").hash(seed=1).to_numpy()
    rows, hashes = ngram_hashes(words, 1)
    return distinct(rows, hashes ^ numbers[rows], len(words))


def index_questions(test: pl.DataFrame, similar: float, pool: ThreadPoolExecutor) -> Questions:
    texts = test["question"]
    blocks = [
        word_sets(block, pl.select(words(pl.lit(block))).to_series())
        for block in (texts.slice(start, BLOCK) for start in range(0, len(texts), BLOCK))
    ]
    starts = np.concatenate([np.zeros(1, np.int64), *(block.sizes for block in blocks)]).cumsum()
    sets = Sets(starts, np.concatenate([np.empty(0, np.uint64), *(block.hashes for block in blocks)]))
    row_bits = max(len(texts), BLOCK).bit_length()
    order = rarity(sets)
    return Questions(sets, outlines(sets), order, prefixes(sets, similar, order, row_bits, pool), row_bits, texts)


def similar_questions(texts: pl.Series, ours: pl.Series, questions: Questions, similar: float) -> pl.DataFrame:
    """For every one of at most BLOCK questions of ours the most similar of theirs, from `similar` on."""
    sets = word_sets(texts, ours)
    outline = outlines(sets)
    met = np.sort(
        block_prefixes(sets, 0, len(ours), similar, questions.rarity, questions.row_bits)
    )  # sorted, to look up faster
    found = [pl.DataFrame(schema={"at": pl.UInt32, "test": pl.UInt32, "similarity": pl.Float64})]
    for at, test in meetings(met, sets.sizes, questions, similar):
        exact = bounded_jaccard((sets, questions.sets), (outline, questions.outline), at, test, similar)
        found.append(
            pl.DataFrame({"at": at, "test": test, "similarity": exact}, schema=found[0].schema).filter(
                pl.col("similarity") >= similar
            )
        )
    best = (
        pl.concat(found)
        .sort("at", "similarity", "test", descending=[False, True, False])
        .unique("at", keep="first", maintain_order=True)
    )
    return best.select("at", "test", matched=questions.texts.gather(best["test"]))


def meetings(
    met: np.ndarray, sizes: np.ndarray, questions: Questions, similar: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of pairs (position of ours, of theirs) that share a word of their prefixes and may be similar; a pair may
    come in two blocks."""
    shift = np.uint64(questions.row_bits + RANK_BITS)
    theirs = questions.met >> shift
    begin, end = (np.searchsorted(theirs, met >> shift, side=side) for side in ("left", "right"))
    counts = end - begin
    met, begin, counts = met[counts > 0], begin[counts > 0], counts[counts > 0]
    total = np.cumsum(counts)
    if not len(total):
        return
    blocks = np.arange(0, int(total[-1]), PAIRS_AT_ONCE)
    cuts = np.unique(np.append(np.searchsorted(total, blocks), len(met)))
    for start, stop in pairwise(cuts):
        now = slice(start, stop)
        mine = np.repeat(met[now], counts[now])
        within = np.arange(len(mine)) - np.repeat(np.cumsum(counts[now]) - counts[now], counts[now])
        other = questions.met[np.repeat(begin[now], counts[now]) + within]
        (at, ranks), (test, their_ranks) = (parts_of(numbers, questions.row_bits) for numbers in (mine, other))
        possible = can_be_near(sizes[at], questions.sets.sizes[test], ranks, their_ranks, similar)
        pairs = np.unique(at[possible] << 32 | test[possible])
        yield pairs >> 32, pairs & 0xFFFFFFFF


def parts_of(met: np.ndarray, row_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and ranks of the numbers of `prefixes`, as int64."""
    return (met >> np.uint64(RANK_BITS) & np.uint64((1 << row_bits) - 1)).astype(np.int64), (
        met & np.uint64((1 << RANK_BITS) - 1)
    ).astype(np.int64)
