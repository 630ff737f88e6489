"""Which sets may be near at all: pairs that share a rare n-gram.

Prefix filtering (Chaudhuri et al. 2006, "A primitive operator for similarity joins"; Bayardo et al. 2007): in any one
order
of all n-grams, two sets with Jaccard t share one among the first s - ceil(t s) + 1 of each, s being its size. The order
is
from rare to frequent, so that few texts meet. A meeting at ranks i and j leaves an overlap of min(s - i, s' - j) at
most,
where t / (1 + t) (s + s') is needed (the positional filter of PPJoin, Xiao et al. 2008).

An n-gram within the prefixes of up to `window` texts brings all of them together, so that nothing is missed; one of
more
brings each together with the first LEADERS of these only. That bounds the cost of templated texts, and still finds the
many copies of one text.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from stages.similarity.ngrams import SET_BITS, Sets, keys_of

SKETCH_BITS = 22
RARITY_BITS = 8
RANK_BITS = 8
AT_ONCE = 1 << 16  # meetings: times the window, the bound on pairs in memory
LEADERS = 4
TEXTS_AT_ONCE = 1 << 12  # a thread's turn; at most BLOCK
ROUNDING = 1e-9  # a threshold times a size may come out just above the whole number that it is


def rarity(sets: Sets) -> np.ndarray:
    """By the low SKETCH_BITS of a hash: 8 log2 of the number of texts with such a hash, as uint8. Strangers that share
    a place only blur the order."""
    counts = np.zeros(1 << SKETCH_BITS, dtype=np.uint32)
    for start in range(0, len(sets.hashes), 1 << 23):
        places = (sets.hashes[start : start + (1 << 23)] & np.uint64((1 << SKETCH_BITS) - 1)).astype(np.int64)
        counts += np.bincount(places, minlength=len(counts)).astype(np.uint32)
    return (8 * np.log2(counts.clip(min=1))).astype(np.uint8)


def prefixes(sets: Sets, threshold: float, rarity: np.ndarray, row_bits: int, pool: ThreadPoolExecutor) -> np.ndarray:
    """A uint64 for each n-gram in the prefix of a text: its hash, the row of the text, its rank in the text; sorted."""
    num_rows = len(sets.starts) - 1
    ends = np.cumsum(prefix_lengths(sets.sizes, threshold))
    met = np.empty(ends[-1] if num_rows else 0, dtype=np.uint64)

    def fill(start: int) -> None:
        end = min(start + TEXTS_AT_ONCE, num_rows)
        block = block_prefixes(sets, start, end, threshold, rarity, row_bits)
        met[ends[end - 1] - len(block) : ends[end - 1]] = block

    list(pool.map(fill, range(0, num_rows, TEXTS_AT_ONCE)))
    met.sort()
    return met


def prefix_lengths(sizes: np.ndarray, threshold: float) -> np.ndarray:
    return np.where(sizes > 0, sizes - np.ceil(threshold * sizes - ROUNDING).astype(np.int64) + 1, 0)


def block_prefixes(sets: Sets, start: int, end: int, threshold: float, rarity: np.ndarray, row_bits: int) -> np.ndarray:
    """As prefixes, of the at most BLOCK rows from start to end and in their order."""
    lengths = prefix_lengths(sets.sizes[start:end], threshold)
    hashes = np.asarray(sets.hashes[sets.starts[start] : sets.starts[end]])
    rarities = rarity[(hashes & np.uint64((1 << SKETCH_BITS) - 1)).astype(np.int64)].astype(np.uint64)
    ordered = Sets(
        sets.starts[start : end + 1] - sets.starts[start],
        rarities << np.uint64(SET_BITS - RARITY_BITS) | hashes >> np.uint64(RARITY_BITS),
    )
    keys = keys_of(ordered, 0, end - start)
    keys.sort()
    kept = np.concatenate([[0], np.cumsum(lengths)])
    ranks = np.arange(kept[-1]) - np.repeat(kept[:-1], lengths)
    first = keys[np.repeat(ordered.starts[:-1], lengths) + ranks] << np.uint64(
        64 - SET_BITS + RARITY_BITS
    )  # the hash alone, from the top bit on
    rows = np.repeat(np.arange(start, end, dtype=np.uint64), lengths)
    low_bits = np.uint64(row_bits + RANK_BITS)
    return (
        first >> low_bits << low_bits
        | rows << np.uint64(RANK_BITS)
        | ranks.clip(max=(1 << RANK_BITS) - 1).astype(np.uint64)
    )


def meetings(
    met: np.ndarray, starts: np.ndarray, threshold: float, window: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of distinct pairs of rows (later, earlier) that share an n-gram of their prefixes and may be near."""
    shift = np.uint64(len(starts).bit_length() + RANK_BITS)
    members = with_company(met, shift)
    rows = (members & np.uint64((1 << int(shift)) - 1)) >> np.uint64(RANK_BITS)
    ranks = (members & np.uint64((1 << RANK_BITS) - 1)).astype(np.int64)
    first = first_of_run(members >> shift)
    is_whole = np.bincount(first, minlength=len(first))[first] <= window
    sizes = np.diff(starts)
    by_row = np.argsort(rows, kind="stable")
    for start in range(0, len(members), AT_ONCE):
        found = [np.empty(0, dtype=np.uint64)]
        now = by_row[start : start + AT_ONCE]
        for offset in range(window):
            if not len(now):
                break
            now = now[(first[now] + offset < now) & (is_whole[now] | (offset < LEADERS))]
            other = first[now] + offset
            possible = can_be_near(sizes[rows[now]], sizes[rows[other]], ranks[now], ranks[other], threshold)
            found.append(rows[now[possible]] << np.uint64(32) | rows[other[possible]])
        pairs = np.unique(np.concatenate(found))
        yield (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)


def with_company(met: np.ndarray, shift: np.uint64) -> np.ndarray:
    """Those of the sorted numbers whose high bits another one has too."""
    low, high = met[:-1], met[1:]
    same = np.zeros(len(met) + 1, dtype=bool)
    for start in range(0, len(low), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        same[1:-1][part] = low[part] >> shift == high[part] >> shift
    return met[same[1:] | same[:-1]]


def first_of_run(values: np.ndarray) -> np.ndarray:
    """For each of sorted or grouped values, where its run of equal ones begins."""
    new = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return np.flatnonzero(new)[np.cumsum(new) - 1]


def can_be_near(
    sizes: np.ndarray, other_sizes: np.ndarray, ranks: np.ndarray, other_ranks: np.ndarray, threshold: float
) -> np.ndarray:
    """The length filter and the positional filter. They may fail a pair at a later meeting, never at its first."""
    most = np.minimum(sizes - ranks, other_sizes - other_ranks)
    return most + ROUNDING >= threshold / (1 + threshold) * (sizes + other_sizes)
