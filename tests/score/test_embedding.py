"""Embeddings: a vector for each row, of norm 1, whatever the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from stages.models.passes import load
from stages.score.columns.embedding import embed, write_embeddings, write_no_embeddings
from tests.score.scored import MODELS, ROWS, row

BASE = str(MODELS / "base-8b")


def write(path: Path, batch_size: int) -> np.ndarray:
    write_embeddings(path, ROWS, len(ROWS), BASE, "", batch_size)
    return np.load(path, mmap_mode="r")


def test_a_vector_for_each_row_in_order_and_batches_change_nothing(tmp_path: Path) -> None:
    alone, together = write(tmp_path / "1.npy", 1), write(tmp_path / "8.npy", 8)
    assert (together.shape, together.dtype) == ((3, 64), np.float32)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert together == pytest.approx(alone, abs=1e-6)


def test_it_is_the_scaled_mean_of_the_last_hidden_states(tmp_path: Path) -> None:
    tokenizer, model = AutoTokenizer.from_pretrained(BASE), AutoModel.from_pretrained(BASE, dtype=torch.float32)
    ids = tokenizer("Ivy has 2 shells. How many?\n\n2. #### 2", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        mean = model(ids).last_hidden_state[0].mean(0).numpy()
    assert write(tmp_path / "e.npy", 8)[2] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_of_a_text_that_is_too_long_the_target_is_kept(tmp_path: Path) -> None:
    rows = [row("p", "7 " * 300, target) for target in ("12 + 7 = 19", "no idea", "12 + 7 = 19")]
    write_embeddings(tmp_path / "e.npy", rows, 3, BASE, "", 8)
    first, other, again = np.load(tmp_path / "e.npy")
    assert first == pytest.approx(again, abs=1e-6)
    assert abs(first - other).max() > 1e-3


def test_equal_texts_are_equal_whatever_stands_beside_them() -> None:
    tokenizer, encoder = load(AutoModel, BASE, "", "float32")
    short, _, again = embed(["a b", "a b " * 50, "a b"], tokenizer, encoder)
    assert short @ again == pytest.approx(1, abs=1e-6)
    assert short == pytest.approx(embed(["a b"], tokenizer, encoder)[0], abs=1e-6)


def test_off_is_an_empty_matrix(tmp_path: Path) -> None:
    write_no_embeddings(tmp_path / "e.npy")
    empty = np.load(tmp_path / "e.npy")
    assert (empty.shape, empty.dtype) == ((0, 0), np.float32)
