"""Rows whose embeddings point the same way."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stages.select.semantic_duplicates import alike, same_meaning
from tests.select.settings import select

VECTORS = np.array([[1, 0], [0, 1], [0.8, 0.6], [0.6, 0.8]], dtype=np.float32)
ROWS = pl.DataFrame(
    {"row": [4, 5, 6], "id": ["a", "b", "c"], "sample": 0, "cluster": [1, 2, 3], "s_vector": [0.0, 2.0, 3.0]},
    schema_overrides={"row": pl.UInt32, "cluster": pl.Int64},
)


def test_a_vector_near_in_cosine_to_an_earlier_kept_one_goes() -> None:
    found = alike(VECTORS[[0, 2, 3]], 0.9)
    assert found.select("position", "of").rows() == [(2, 1)], "0.6 * 0.8 * 2 = 0.96; to the first row it is 0.6 and 0.8"
    assert found["similarity"].to_list() == pytest.approx([0.96])
    assert alike(VECTORS[[0, 2, 3]], 0.79)["position"].to_list() == [1], "2 is near to 1 alone, which is dropped"


def test_the_first_of_a_cluster_stays_and_counts_the_others(tmp_path: Path) -> None:
    np.save(tmp_path / "embeddings.npy", VECTORS)
    kept, lost = same_meaning(ROWS, None, tmp_path / "embeddings.npy", select(semantic=0.9))
    assert kept.select("row", "cluster").rows() == [(4, 1), (5, 5)]
    assert lost.select("row", "detail", "evidence").rows() == [(6, "of b sample 0 (cosine 0.96)", "b")]


def test_without_embeddings_it_says_where_to_ask_for_them(tmp_path: Path) -> None:
    np.save(tmp_path / "embeddings.npy", np.empty((0, 0), np.float32))
    with pytest.raises(
        SystemExit,
        match=r"select.semantic: got a threshold below 1 and no embeddings, wanted an encoder in score.embedding.model",
    ):
        same_meaning(ROWS, None, tmp_path / "embeddings.npy", select(semantic=0.9))
