"""Duplicates in meaning: rows whose embeddings point the same way (SemDeDup: Abbas et al., arXiv 2303.09540)."""

# scikit-learn: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from pathlib import Path

import numpy as np
import polars as pl

from stages.select.params import Select
from stages.similarity.copies import reject_copies
from stages.similarity.near_duplicates import SCHEMA, resolve

CLUSTER = 10_000  # rows, about, of which all pairs are compared
BLOCK = 1_000


def same_meaning(
    rows: pl.DataFrame, _texts: object, embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`rows` have in `s_vector` the row of their vector in the file. The first of a cluster stays."""
    vectors = np.load(embeddings, mmap_mode="r")
    if not vectors.size:
        raise SystemExit(
            "params.yaml: select.semantic: got a threshold below 1 and no embeddings, wanted an encoder in "
            "score.embedding.model"
        )
    chosen = np.asarray(vectors[rows["s_vector"].cast(pl.Int64).to_numpy()], dtype=np.float32)
    return reject_copies(rows, alike(chosen, select.semantic), "cosine {}")


def alike(vectors_NE: np.ndarray, threshold: float) -> pl.DataFrame:
    """N vectors of norm 1 -> position, of, similarity: those near in cosine to an earlier kept one.

    Of more than CLUSTER vectors only those within one of the k-means clusters are compared.
    """
    edges = [pl.DataFrame(schema=SCHEMA)]
    for members in clusters(vectors_NE):
        for start in range(0, len(members), BLOCK):
            block = members[start : start + BLOCK]
            cosine = vectors_NE[block] @ vectors_NE[members].T
            left, right = np.nonzero((cosine >= threshold) & (block[:, None] > members[None, :]))
            near = {"position": block[left], "of": members[right], "similarity": cosine[left, right]}
            edges.append(pl.DataFrame(near, schema=SCHEMA))
    return resolve(pl.concat(edges), len(vectors_NE))


def clusters(vectors_NE: np.ndarray) -> list[np.ndarray]:
    if len(vectors_NE) <= CLUSTER:
        return [np.arange(len(vectors_NE))]
    from sklearn.cluster import MiniBatchKMeans

    labels = MiniBatchKMeans(-(-len(vectors_NE) // CLUSTER), random_state=0, batch_size=CLUSTER).fit_predict(vectors_NE)
    return [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
