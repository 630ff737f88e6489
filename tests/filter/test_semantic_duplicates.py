"""Rows whose embeddings point the same way."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stages.filter.semantic_duplicates import same_meaning

ROWS = pl.DataFrame({"embedding": [0, 2, 3]}, schema={"embedding": pl.UInt32})


def test_a_row_near_in_cosine_to_an_earlier_kept_one_goes(tmp_path: Path) -> None:
    vectors = np.array([[1, 0], [0, 1], [0.8, 0.6], [0.6, 0.8]], dtype=np.float32)
    np.save(tmp_path / "embeddings.npy", vectors)
    found = same_meaning(ROWS, tmp_path / "embeddings.npy", 0.9)
    assert found.select("position", "of").rows() == [(2, 1)], "0.6 * 0.8 * 2 = 0.96; to the first row it is 0.6 and 0.8"
    assert found["similarity"].to_list() == pytest.approx([0.96])
    assert same_meaning(ROWS, tmp_path / "embeddings.npy", 0.79)["position"].to_list() == [1], "2 is near to 1 alone, which is dropped"


def test_without_embeddings_it_says_where_to_ask_for_them(tmp_path: Path) -> None:
    np.save(tmp_path / "embeddings.npy", np.empty((0, 0), np.float32))
    with pytest.raises(SystemExit, match=r"filter.duplicates.semantic: got a threshold below 1 and no embeddings, wanted an encoder in score.embedding"):
        same_meaning(ROWS, tmp_path / "embeddings.npy", 0.9)
