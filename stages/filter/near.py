"""Near-duplicates: pairs of texts whose sets of word n-grams have a Jaccard of at least a threshold.

Prefix filtering (Chaudhuri et al. 2006, "A primitive operator for similarity joins"; Bayardo et al. 2007): in any one order
of all n-grams, two sets with Jaccard t share one among the first s - ceil(t s) + 1 of each, s being its size. The order is
from rare to frequent, so that few texts meet. A meeting at ranks i and j leaves an overlap of min(s - i, s' - j) at most,
where t / (1 + t) (s + s') is needed (the positional filter of PPJoin, Xiao et al. 2008). What is left is compared in full.

An n-gram within the prefixes of up to `window` texts brings all of them together, so that nothing is missed; one of more
brings each together with the first LEADERS of these only. That bounds the cost of templated texts, and still finds the
many copies of one text.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from stages.filter.ngrams import SET_BITS, Sets, jaccard, keys_of, most_common, ngram_sets, num_common, outlines, take, words

SKETCH_BITS = 22
RARITY_BITS = 8
RANK_BITS = 8
AT_ONCE = 1 << 16  # meetings: times the window, the bound on pairs in memory
LEADERS = 4
PAIRS_AT_ONCE = 1 << 13
TEXTS_AT_ONCE = 1 << 12  # a thread's turn; at most BLOCK
SCHEMA = {"position": pl.UInt32, "of": pl.UInt32, "jaccard": pl.Float64}
MayMeet = Callable[[np.ndarray, np.ndarray], np.ndarray]  # positions of later and earlier texts -> bool for each pair
ROUNDING = 1e-9  # a threshold times a size may come out just above the whole number that it is


def near_duplicates(texts: Iterable[pl.Series], n: int, threshold: float, window: int, scratch: Path, may_meet: MayMeet) -> pl.DataFrame:
    """Chunks of texts, the preferred first -> a row for each text to drop: its position, the kept text it is near to, their Jaccard.

    A text is dropped where it is near to a kept one before it, and `of` is the first such; so no two kept texts are
    near (up to the window) where they `may_meet`, and nothing is dropped for being near to a dropped text. Ascending by position. The n-grams
    lie on disk in the meantime: 8 bytes each in the folder `scratch`.
    """
    path = scratch / "ngrams.bin"
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        starts, outline = spill(texts, n, path, pool)
        edges = [pl.DataFrame(schema=SCHEMA)]
        if starts[-1]:
            sets = Sets(starts, np.memmap(path, np.uint64, "r"))
            met = prefixes(sets, threshold, rarity(sets), len(starts).bit_length(), pool)
            for later, earlier in meetings(met, starts, threshold, window):
                sets = Sets(starts, np.memmap(path, np.uint64, "r"))  # mapped anew: pages once read count as memory until they are unmapped
                meet = may_meet(later, earlier)
                edges.append(near_pairs(sets, outline, later[meet], earlier[meet], threshold))
    path.unlink()
    return resolve(pl.concat(edges), len(starts) - 1)


def near_within(texts: pl.Series, groups: np.ndarray, n: int, threshold: float, window: int) -> pl.DataFrame:
    """As near_duplicates, of texts in memory and only between texts with the same group (integers, in any order).

    Each text is compared with the first `window` of its group.
    """
    sets = ngram_sets(pl.select(words(pl.lit(texts))).to_series(), n)
    outline = outlines(sets)
    order = np.argsort(groups, kind="stable")
    first = first_of_run(groups[order])
    edges = [pl.DataFrame(schema=SCHEMA)]
    for offset in range(window):
        has = first + offset < np.arange(len(order))
        if not has.any():
            break
        edges.append(near_pairs(sets, outline, order[has], order[first[has] + offset], threshold))
    return resolve(pl.concat(edges), len(texts))


def spill(texts: Iterable[pl.Series], n: int, path: Path, pool: ThreadPoolExecutor) -> tuple[np.ndarray, np.ndarray]:
    """Write the sets of all texts one after another; their starts and their outlines are given back."""
    sizes, drawn = [np.zeros(1, dtype=np.int64)], [outlines(Sets(np.zeros(1, np.int64), np.empty(0, np.uint64)))]

    def read(part: pl.Series) -> tuple[Sets, np.ndarray]:
        sets = ngram_sets(pl.select(words(pl.lit(part))).to_series(), n)
        return sets, outlines(sets)

    with path.open("wb") as file:
        for chunk in texts:
            parts = [chunk.slice(start, TEXTS_AT_ONCE) for start in range(0, len(chunk), TEXTS_AT_ONCE)]
            for sets, outline in pool.map(read, parts):
                sets.hashes.tofile(file)
                sizes.append(sets.sizes)
                drawn.append(outline)
    return np.concatenate(sizes).cumsum(), np.concatenate(drawn)


def rarity(sets: Sets) -> np.ndarray:
    """By the low SKETCH_BITS of a hash: 8 log2 of the number of texts with such a hash, as uint8. Strangers that share a place only blur the order."""
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
    ordered = Sets(sets.starts[start : end + 1] - sets.starts[start], rarities << np.uint64(SET_BITS - RARITY_BITS) | hashes >> np.uint64(RARITY_BITS))
    keys = keys_of(ordered, 0, end - start)
    keys.sort()
    kept = np.concatenate([[0], np.cumsum(lengths)])
    ranks = np.arange(kept[-1]) - np.repeat(kept[:-1], lengths)
    first = keys[np.repeat(ordered.starts[:-1], lengths) + ranks] << np.uint64(64 - SET_BITS + RARITY_BITS)  # the hash alone, from the top bit on
    rows = np.repeat(np.arange(start, end, dtype=np.uint64), lengths)
    low_bits = np.uint64(row_bits + RANK_BITS)
    return first >> low_bits << low_bits | rows << np.uint64(RANK_BITS) | ranks.clip(max=(1 << RANK_BITS) - 1).astype(np.uint64)


def meetings(met: np.ndarray, starts: np.ndarray, threshold: float, window: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
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


def can_be_near(sizes: np.ndarray, other_sizes: np.ndarray, ranks: np.ndarray, other_ranks: np.ndarray, threshold: float) -> np.ndarray:
    """The length filter and the positional filter. They may fail a pair at a later meeting, never at its first."""
    most = np.minimum(sizes - ranks, other_sizes - other_ranks)
    return most + ROUNDING >= threshold / (1 + threshold) * (sizes + other_sizes)


def near_pairs(sets: Sets, outline: np.ndarray, later: np.ndarray, earlier: np.ndarray, threshold: float) -> pl.DataFrame:
    """Of pairs of rows those with a Jaccard of at least the threshold, with it."""
    exact = bounded_jaccard((sets, sets), (outline, outline), later, earlier, threshold)
    near = exact >= threshold
    return pl.DataFrame({"position": later[near], "of": earlier[near], "jaccard": exact[near]}, schema=SCHEMA)


def bounded_jaccard(sets: tuple[Sets, Sets], outline: tuple[np.ndarray, np.ndarray], left: np.ndarray, right: np.ndarray, threshold: float) -> np.ndarray:
    """Exact for pairs of rows (left of the first sets, right of the second) from the threshold on; else maybe 0."""
    total = sets[0].starts[left + 1] - sets[0].starts[left] + sets[1].starts[right + 1] - sets[1].starts[right]
    maybe = most_common(outline[0][left], outline[1][right], total) + ROUNDING >= threshold / (1 + threshold) * total
    exact = np.zeros(len(left))
    maybe = np.flatnonzero(maybe)
    for start in range(0, len(maybe), PAIRS_AT_ONCE):
        now = maybe[start : start + PAIRS_AT_ONCE]
        a, b = take(sets[0], left[now]), take(sets[1], right[now])
        exact[now] = jaccard(num_common(a, b), a.sizes, b.sizes)
    return exact


def resolve(edges: pl.DataFrame, num_rows: int) -> pl.DataFrame:
    """Pairs that are near -> what is dropped, each with the first kept row that it is near to.

    In rounds: a row that is near to no earlier undecided one is kept, and what is near to it is dropped.
    """
    later, earlier = edges["position"].to_numpy(), edges["of"].to_numpy()
    is_dropped = np.zeros(num_rows, dtype=bool)
    is_open = np.zeros(num_rows, dtype=bool)
    while len(later):
        is_open[later] = True
        kept = ~is_open[earlier]
        is_open[later] = False
        is_dropped[later[kept]] = True
        undecided = ~is_dropped[later] & ~is_dropped[earlier]
        later, earlier = later[undecided], earlier[undecided]
    dropped = edges.filter(pl.lit(is_dropped[edges["position"]]) & pl.lit(~is_dropped[edges["of"]]))
    return dropped.sort("position", "of").unique("position", keep="first", maintain_order=True)
