"""Near-duplicates: pairs of texts whose sets of word n-grams have a Jaccard of at least a threshold, found by their
prefixes and compared in full."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from stages.similarity.ngrams import Sets, jaccard, most_common, ngram_sets, num_common, outlines, take, words
from stages.similarity.prefix_filter import ROUNDING, TEXTS_AT_ONCE, first_of_run, meetings, prefixes, rarity

PAIRS_AT_ONCE = 1 << 13
SCHEMA = {"position": pl.UInt32, "of": pl.UInt32, "similarity": pl.Float64}
MayMeet = Callable[[np.ndarray, np.ndarray], np.ndarray]  # positions of later and earlier texts -> bool for each pair


def near_duplicates(
    texts: Iterable[pl.Series], n: int, threshold: float, window: int, scratch: Path, may_meet: MayMeet
) -> pl.DataFrame:
    """Chunks of texts, the preferred first -> a row for each text to drop: its position, the kept text it is near to,
    their Jaccard.

    A text is dropped where it is near to a kept one before it, and `of` is the first such; so no two kept texts are
    near (up to the window) where they `may_meet`, and nothing is dropped for being near to a dropped text. Ascending by
    position. The n-grams lie on disk in the meantime: 8 bytes each in the folder `scratch`.
    """
    path = scratch / "ngrams.bin"
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        starts, outline = spill(texts, n, path, pool)
        edges = [pl.DataFrame(schema=SCHEMA)]
        if starts[-1]:
            sets = Sets(starts, np.memmap(path, np.uint64, "r"))
            met = prefixes(sets, threshold, rarity(sets), len(starts).bit_length(), pool)
            for later, earlier in meetings(met, starts, threshold, window):
                sets = Sets(
                    starts, np.memmap(path, np.uint64, "r")
                )  # mapped anew: pages once read count as memory until they are unmapped
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


def near_pairs(
    sets: Sets, outline: np.ndarray, later: np.ndarray, earlier: np.ndarray, threshold: float
) -> pl.DataFrame:
    """Of pairs of rows those with a Jaccard of at least the threshold, with it."""
    exact = bounded_jaccard((sets, sets), (outline, outline), later, earlier, threshold)
    near = exact >= threshold
    return pl.DataFrame({"position": later[near], "of": earlier[near], "similarity": exact[near]}, schema=SCHEMA)


def bounded_jaccard(
    sets: tuple[Sets, Sets],
    outline: tuple[np.ndarray, np.ndarray],
    left: np.ndarray,
    right: np.ndarray,
    threshold: float,
) -> np.ndarray:
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
