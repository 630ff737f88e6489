"""Duplicates in meaning: rows whose embeddings point the same way (SemDeDup: Abbas et al., arXiv 2303.09540)."""

from pathlib import Path

import numpy as np
import polars as pl

from stages.filter.near_duplicates import SCHEMA, resolve

CLUSTER = 10_000  # rows, about, of which all pairs are compared
BLOCK = 1_000


def same_meaning(rows: pl.DataFrame, embeddings: Path, threshold: float) -> pl.DataFrame:
    """Rows near in cosine to an earlier kept one: position and of count in `rows`, `jaccard` holds the cosine.

    Of more than CLUSTER rows only those within one of the k-means clusters are compared.
    """
    vectors = np.load(embeddings, mmap_mode="r")
    if not vectors.size:
        raise SystemExit("params.yaml: filter.duplicates.semantic: got a threshold below 1 and no embeddings, wanted an encoder in score.embedding")
    vectors = np.asarray(vectors[rows["embedding"].to_numpy()], dtype=np.float32)
    edges = [pl.DataFrame(schema=SCHEMA)]
    for members in clusters(vectors):
        for start in range(0, len(members), BLOCK):
            block = members[start : start + BLOCK]
            cosine = vectors[block] @ vectors[members].T
            left, right = np.nonzero((cosine >= threshold) & (block[:, None] > members[None, :]))
            edges.append(pl.DataFrame({"position": block[left], "of": members[right], "similarity": cosine[left, right]}, schema=SCHEMA))
    return resolve(pl.concat(edges), len(rows))


def clusters(vectors: np.ndarray) -> list[np.ndarray]:
    if len(vectors) <= CLUSTER:
        return [np.arange(len(vectors))]
    from sklearn.cluster import MiniBatchKMeans

    labels = MiniBatchKMeans(-(-len(vectors) // CLUSTER), random_state=0, batch_size=CLUSTER).fit_predict(vectors)
    return [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
