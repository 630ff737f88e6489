"""Train rows that hold a text of the test split, each with the text that shows it.

Rules, in this order; the first that hits counts:

- exact: the same words, whatever case, punctuation and spaces. Question against question; target against worked
solution,
  from `ngram` words on, because short answers are the same by nature.
- ngram: a run of at least `ngram` words in common with a question or a worked solution (Brown et al. 2020, arXiv
2005.14165,
  appendix C, with 13).
- similar: question against question; sets of words with a Jaccard of at least `similar`, and the same numbers as often:
a
  question with other numbers is another question.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from stages.similarity.near_duplicates import bounded_jaccard
from stages.similarity.ngrams import BLOCK, Sets, distinct, ngram_hashes, outlines, words
from stages.similarity.prefix_filter import RANK_BITS, block_prefixes, can_be_near, prefixes, rarity

NUMBER = r"\d+(?:[.,]\d+)*"
TABLE_BITS = 24
PAIRS_AT_ONCE = 1 << 20
SCHEMA = {"row": pl.UInt32, "rule": pl.String, "where": pl.String, "test_id": pl.String, "matched": pl.String}
WITHIN = {
    "at": pl.UInt32,
    "test": pl.UInt32,
    "matched": pl.String,
}  # what a rule gives: positions in the part of train and in test


class Runs(NamedTuple):
    """The n-grams of the test split: hashes ascending, the first text that has each and where; texts are questions (2
    i) and solutions (2 i + 1)."""

    hashes: np.ndarray
    texts: np.ndarray
    offsets: np.ndarray
    table: np.ndarray  # bool by the low TABLE_BITS of a hash: what is not there needs no look-up
    words: list[list[str]]


class Questions(NamedTuple):
    sets: Sets
    outline: np.ndarray
    rarity: np.ndarray
    met: np.ndarray
    row_bits: int
    texts: pl.Series


def leaks(chunks: Iterable[pl.DataFrame], test: pl.DataFrame, ngram: int, similar: float) -> pl.DataFrame:
    """Chunks of (row, question, target) and the test split (id, question, solution) -> SCHEMA, in the order of the
    rows.

    `matched` is the test question that is the same or similar, or the words of the run in common. Of several test rows
    the most similar counts, and then the first.
    """
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        runs, questions = index_runs(test, ngram), index_questions(test, similar, pool)
        exact = index_texts(test["question"], 1), index_texts(test["solution"], ngram)
        found = [pl.DataFrame(schema=SCHEMA)]

        def leaks_of_part(part: pl.DataFrame) -> pl.DataFrame:
            return leaks_of(part, test["id"], exact, runs, questions, ngram, similar)

        for chunk in chunks:
            found += pool.map(leaks_of_part, [chunk.slice(start, BLOCK) for start in range(0, len(chunk), BLOCK)])
    return pl.concat(found)


def leaks_of(
    part: pl.DataFrame,
    ids: pl.Series,
    exact: tuple[pl.DataFrame, pl.DataFrame],
    runs: Runs,
    questions: Questions,
    ngram: int,
    similar: float,
) -> pl.DataFrame:
    question, target = part.select(words(pl.col("question", "target")))
    found = [
        ("exact", "question", same(question, exact[0], 1)),
        ("exact", "target", same(target, exact[1], ngram)),
        ("ngram", "question", common_runs(question, runs, ngram)),
        ("ngram", "target", common_runs(target, runs, ngram)),
        ("similar", "question", similar_questions(part["question"], question, questions, similar)),
    ]
    every = pl.concat(rows.with_columns(rule=pl.lit(rule), where=pl.lit(where)) for rule, where, rows in found)
    first = every.unique("at", keep="first", maintain_order=True).sort("at")
    return first.select(
        part["row"].gather(first["at"]), "rule", "where", ids.gather(first["test"]).alias("test_id"), "matched"
    )


def index_texts(texts: pl.Series, at_least: int) -> pl.DataFrame:
    """The first text with each row of words, for texts of `at_least` words."""
    tokens = pl.select(words(pl.lit(texts))).to_series()
    rows = pl.DataFrame({"joined": joined(tokens, at_least), "matched": texts}).with_row_index("test")
    return rows.drop_nulls("joined").unique("joined", keep="first", maintain_order=True)


def same(ours: pl.Series, theirs: pl.DataFrame, at_least: int) -> pl.DataFrame:
    rows = pl.DataFrame({"joined": joined(ours, at_least)}).with_row_index("at")
    return rows.join(theirs, on="joined", maintain_order="left").select(*WITHIN)


def joined(words: pl.Series, at_least: int) -> pl.Series:
    """Null, which joins nothing, below `at_least` words."""
    return pl.select(pl.when(words.list.len() >= at_least).then(words.list.join(" "))).to_series()


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
    return pl.DataFrame(found, schema=WITHIN, orient="row")


def common_run(left: list[str], right: list[str], i: int, j: int) -> list[str]:
    """The longest run of words in both that covers left[i] and right[j]; empty where these differ."""
    back = 0
    while back < min(i, j) and left[i - back - 1] == right[j - back - 1]:
        back += 1
    on = 0
    while on < min(len(left) - i, len(right) - j) and left[i + on] == right[j + on]:
        on += 1
    return left[i - back : i + on] if on else []


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
