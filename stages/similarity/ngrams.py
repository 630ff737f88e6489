"""Words and word n-grams of many texts at once: what is repeated, and what two texts share.

A word is a run of letters, digits and marks, lower-cased; a single point or comma within it stays, so that 3.5 is not
35
and 1,200.50 is one word. Scripts without spaces between words give long words, so n-grams find little there.
An n-gram is known by a 64-bit hash, of which sets keep SET_BITS. Two of the few thousand n-grams of a pair of texts
share one by chance about once in 10^9 pairs.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

WORD = r"\w+(?:[.,]\w+)*"  # what `words` finds, as one pattern
BETWEEN_WORDS = r"\W{2,}|[^\w., ]"
MULTIPLIER = np.uint64(
    0x9E3779B97F4A7C15
)  # 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, volume 3, section 6.4)
BLOCK_BITS = 14
SET_BITS = 64 - BLOCK_BITS  # the rest holds the row within a block, so that one sort orders the hashes of a whole block
BLOCK = 1 << BLOCK_BITS
OUTLINE_BITS = 8


class Sets(NamedTuple):
    """A set of hashes a row, ascending: row i has hashes[starts[i] : starts[i + 1]]; starts are int64, hashes
    uint64."""

    starts: np.ndarray
    hashes: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.starts)


def words(text: pl.Expr) -> pl.Expr:
    """Strings -> lists of words. To split at what is between them is half the time of looking for WORD."""
    bare = text.str.to_lowercase().str.replace_all(BETWEEN_WORDS, " ").str.strip_chars(" .,")
    return bare.str.split(" ").list.eval(pl.element().filter(pl.element() != ""))


def ngram_hashes(words: pl.Series, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists of words -> (rows as uint32, hashes as uint64) of all n-grams in their order, of repeated ones too.

    A text of fewer than n words has one hash, of all its words; one without words has none.
    Hashes hold within one version of polars.
    """
    counts = words.list.len().to_numpy().astype(np.int64)
    ends = np.cumsum(counts)
    starts = ends - counts
    each = words.explode(empty_as_null=False).hash(seed=0).to_numpy()
    hashes = np.zeros(len(each), dtype=np.uint64)
    for i in range(min(n, len(each))):  # over the ends of texts too; what is of no one text goes below
        hashes[: len(each) - i] *= MULTIPLIER
        hashes[: len(each) - i] += each[i:]
    hashes[starts[(counts > 0) & (counts < n)]] = short_hashes(each, starts, counts, n)
    inside = np.ones(len(each), dtype=bool)
    for i in range(1, n):
        late = ends - i
        inside[late[late > starts]] = False
    rows = np.repeat(np.arange(len(counts), dtype=np.uint32), num_ngrams(counts, n))
    return rows, hashes[inside]


def num_ngrams(counts: np.ndarray, n: int) -> np.ndarray:
    return np.where(counts > 0, np.maximum(counts - n + 1, 1), 0)


def short_hashes(each: np.ndarray, starts: np.ndarray, counts: np.ndarray, n: int) -> np.ndarray:
    """One hash of all words, for every text of 1 to n - 1 words."""
    short = (counts > 0) & (counts < n)
    starts, counts = starts[short], counts[short]
    hashes = np.zeros(len(starts), dtype=np.uint64)
    for i in range(n - 1):
        has = i < counts
        hashes[has] = hashes[has] * MULTIPLIER + each[starts[has] + i]
    return hashes


def ngram_sets(words: pl.Series, n: int) -> Sets:
    """Lists of words -> the distinct n-grams of every row."""
    blocks = [block_sets(words.slice(start, BLOCK), n) for start in range(0, len(words), BLOCK)]
    starts = np.concatenate([[0], *(np.diff(block.starts) for block in blocks)]).cumsum()
    return Sets(starts.astype(np.int64), np.concatenate([np.empty(0, np.uint64), *(block.hashes for block in blocks)]))


def block_sets(words: pl.Series, n: int) -> Sets:
    return distinct(*ngram_hashes(words, n), len(words))


def distinct(rows: np.ndarray, hashes: np.ndarray, num_rows: int) -> Sets:
    """The distinct hashes of at most BLOCK rows."""
    keys = with_rows(rows, hashes & np.uint64((1 << SET_BITS) - 1))
    keys.sort()
    first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    return from_keys(keys[first], num_rows)


def with_rows(rows: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """One uint64 each, which sorts by row and then by hash; rows are below BLOCK, hashes below 2^SET_BITS."""
    keys = rows.astype(np.uint64)
    keys <<= np.uint64(SET_BITS)
    keys |= hashes
    return keys


def from_keys(keys: np.ndarray, num_rows: int) -> Sets:
    """The inverse of with_rows, for sorted keys."""
    starts = np.searchsorted(keys, np.arange(num_rows, dtype=np.uint64) << np.uint64(SET_BITS))
    return Sets(np.append(starts, len(keys)), keys & np.uint64((1 << SET_BITS) - 1))


def take(sets: Sets, rows: np.ndarray) -> Sets:
    """The sets of these rows, which may come in any order and repeat."""
    sizes = sets.starts[rows + 1] - sets.starts[rows]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    wanted = np.arange(starts[-1]) + np.repeat(sets.starts[rows] - starts[:-1], sizes)
    return Sets(starts, np.asarray(sets.hashes[wanted]))


def num_common(left: Sets, right: Sets) -> np.ndarray:
    """How many hashes the two sets of every row have in common, as int64."""
    num_rows = len(left.starts) - 1
    common = np.zeros(num_rows, dtype=np.int64)
    for start in range(0, num_rows, BLOCK):
        end = min(start + BLOCK, num_rows)
        keys = np.concatenate([keys_of(sets, start, end) for sets in (left, right)])
        keys.sort()
        twice = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(SET_BITS)
        common[start:end] = np.bincount(twice.astype(np.int64), minlength=end - start)
    return common


def keys_of(sets: Sets, start: int, end: int) -> np.ndarray:
    rows = np.repeat(np.arange(end - start), sets.sizes[start:end])
    return with_rows(rows, sets.hashes[sets.starts[start] : sets.starts[end]])


def outlines(sets: Sets) -> np.ndarray:
    """A bitmap a set: bool by the low OUTLINE_BITS of its hashes, packed into a few uint64 a row."""
    marks = np.zeros((len(sets.starts) - 1, 1 << OUTLINE_BITS), dtype=bool)
    marks[
        np.repeat(np.arange(len(marks)), sets.sizes),
        (sets.hashes & np.uint64((1 << OUTLINE_BITS) - 1)).astype(np.int64),
    ] = True
    return np.packbits(marks, axis=1).view(np.uint64)


def most_common(left: np.ndarray, right: np.ndarray, num_hashes: np.ndarray) -> np.ndarray:
    """More hashes than this two sets cannot have in common, by their outlines and the sum of their sizes.

    Each bit in which the outlines differ is a hash of one of them alone (bitmap filter, Sandes et al. 2020, arXiv
    1711.07295).
    """
    return (num_hashes - np.bitwise_count(left ^ right).sum(axis=1, dtype=np.int64)) // 2


def jaccard(common: np.ndarray, left_sizes: np.ndarray, right_sizes: np.ndarray) -> np.ndarray:
    """|A and B| / |A or B| as float64; 0 for two empty sets."""
    return common / np.maximum(left_sizes + right_sizes - common, 1)


def repeated_share(words: pl.Series, n: int) -> np.ndarray:
    """1 - distinct / all n-grams of every row; 0 below n words."""
    counts = num_ngrams(words.list.len().to_numpy().astype(np.int64), n)
    return 1 - ngram_sets(words, n).sizes.clip(min=counts == 0) / counts.clip(min=1)


def overlap(left: pl.Series, right: pl.Series, n: int) -> np.ndarray:
    """Jaccard of the sets of n-grams of two texts a row."""
    a, b = ngram_sets(left, n), ngram_sets(right, n)
    return jaccard(num_common(a, b), a.sizes, b.sizes)


def shared(left: pl.Series, right: pl.Series, n: int) -> np.ndarray:
    """How many distinct n-grams of the left text of a row are in its right one too."""
    return num_common(ngram_sets(left, n), ngram_sets(right, n))
