"""Where each row lies among the others, by the vectors of `score.embedding`: `nearest`, `knn` and `topic`.

`nearest` is 1 - the cosine to the nearest other row, `knn` the same to the k-th nearest (Knn6 of InstructMining, arXiv
2307.06290, has k = 6), null where there are fewer other rows. `topic` is the number of the row's k-means cluster.
Of more than EXACT rows, neighbours are looked for in the PROBED cells whose centres are nearest to the row: a cell has
CELL rows, about. Some neighbours are missed so, and distances are then too large, never too small; how many:
benchmarks/README.md.
"""

# scikit-learn: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from stages.rows.parquet import ROWS_AT_ONCE, read_rows
from stages.rows.row import KEY, SCORE
from stages.score.column import OUT, write, write_off
from stages.score.params import Section, load

NAMES = ("nearest", "knn", "topic")
EXACT = 20_000  # rows of which all pairs are compared
CELL = 1_000  # rows
PROBED = 12  # cells
TRAINED = 64  # rows for each centre, at least, of which k-means learns where the centres are
AT_ONCE = 4_096  # rows that are compared at once: with CELL others, 16 MB


class Settings(Section):
    topics: Annotated[int, Field(ge=0)]
    neighbour: Annotated[int, Field(gt=0)]


def main() -> None:
    settings = load("space", Settings)
    if not settings.topics:
        write_off("space", NAMES)
        return
    vectors_NE = np.load(OUT / "embeddings.npy")
    if not vectors_NE.size:
        raise SystemExit(
            f"params.yaml: score.space.topics: got {settings.topics} and no embeddings, wanted an encoder in "
            f"score.embedding.model, or 0 topics"
        )
    if settings.topics > len(vectors_NE):
        raise SystemExit(
            f"params.yaml: score.space.topics: got {settings.topics}, wanted at most the {len(vectors_NE)} rows "
            f"that pass the filter"
        )
    write("space", NAMES, placed(vectors_NE, settings), {})


def placed(vectors_NE: np.ndarray, settings: Settings) -> Iterator[pl.DataFrame]:
    """The numbers of the rows in the order of their vectors, 4 decimals."""
    cosines = neighbours(vectors_NE, settings.neighbour)
    numbers = {
        "nearest": distances(cosines[:, 0]),
        "knn": distances(cosines[:, -1]),
        "topic": pl.Series(
            nearest_centres(vectors_NE, centres(vectors_NE, settings.topics), 1)[:, 0], dtype=pl.Float64
        ),
    }
    rows = read_rows(OUT / "embedding.parquet", KEY).with_columns(
        series.alias(SCORE + name) for name, series in numbers.items()
    )
    yield from rows.iter_slices(ROWS_AT_ONCE)


def distances(cosines: np.ndarray) -> pl.Series:
    """1 - cosine, at least 0; null where there is no such neighbour, which has a cosine of -inf."""
    found = pl.Series(1 - cosines.astype(np.float64)).clip(lower_bound=0).round(4)
    return found.set(found.is_infinite(), None)


def neighbours(vectors_NE: np.ndarray, k: int) -> np.ndarray:
    """N vectors of norm 1 -> the cosines (N, k) to the k nearest others, high to low, -inf where there are fewer."""
    if len(vectors_NE) <= EXACT:
        return in_cells(vectors_NE, np.zeros((len(vectors_NE), 1), np.int32), k)
    middle_CE = centres(vectors_NE, len(vectors_NE) // CELL)
    return in_cells(vectors_NE, nearest_centres(vectors_NE, middle_CE, PROBED), k)


def in_cells(vectors_NE: np.ndarray, cells_NP: np.ndarray, k: int) -> np.ndarray:
    """The same among the rows of each row's cells, of which the first is its own."""
    num_probed, num_cells = cells_NP.shape[1], cells_NP.max() + 1
    best_Nk = np.full((len(vectors_NE), k), -np.inf, np.float32)
    probing = np.argsort(cells_NP.ravel(), kind="stable")
    bounds = np.searchsorted(cells_NP.ravel()[probing], np.arange(num_cells + 1))
    for cell in range(num_cells):
        places = probing[bounds[cell] : bounds[cell + 1]]
        rows, is_own = places // num_probed, places % num_probed == 0
        others = vectors_NE[rows[is_own]]
        where_own = np.cumsum(is_own) - 1
        for start in range(0, len(rows), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            cosine = vectors_NE[rows[some]] @ others.T
            own = np.flatnonzero(is_own[some])
            cosine[own, where_own[some][own]] = -np.inf  # a row is no neighbour of its own
            found = np.concatenate([best_Nk[rows[some]], highest(cosine, k)], axis=1)
            best_Nk[rows[some]] = highest(found, k)
    return -np.sort(-best_Nk, axis=1)


def highest(cosines: np.ndarray, k: int) -> np.ndarray:
    """The k highest of each row, in any order; all where there are fewer."""
    return cosines if cosines.shape[1] <= k else np.partition(cosines, -k, axis=1)[:, -k:]


def centres(vectors_NE: np.ndarray, count: int) -> np.ndarray:
    """Of k-means clusters, learnt from some of the rows."""
    from sklearn.cluster import MiniBatchKMeans

    some = np.random.default_rng(0).permutation(len(vectors_NE))[: max(count * TRAINED, EXACT)]
    kmeans = MiniBatchKMeans(count, random_state=0, batch_size=AT_ONCE).fit(vectors_NE[np.sort(some)])
    return np.asarray(kmeans.cluster_centers_)


def nearest_centres(vectors_NE: np.ndarray, middle_CE: np.ndarray, count: int) -> np.ndarray:
    """Numbers of the centres (N, count), the nearest first: |v - c|^2 = |v|^2 - 2 v c + |c|^2."""
    length_C = (middle_CE**2).sum(axis=1) / 2
    found = np.empty((len(vectors_NE), min(count, len(middle_CE))), np.int32)
    for start in range(0, len(vectors_NE), AT_ONCE):
        near = vectors_NE[start : start + AT_ONCE] @ middle_CE.T - length_C
        some = np.argpartition(near, -found.shape[1], axis=1)[:, -found.shape[1] :]
        order = np.argsort(-np.take_along_axis(near, some, axis=1), axis=1)
        found[start : start + AT_ONCE] = np.take_along_axis(some, order, axis=1)
    return found


if __name__ == "__main__":
    main()
