"""Rows as vectors, for semantic duplicates: their cosine is the product of two rows."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from stages.models.passes import in_batches, load
from stages.score.rows import Row, question


def write_no_embeddings(path: Path) -> None:
    np.save(path, np.zeros((0, 0), np.float32))


def write_embeddings(path: Path, rows: Iterable[Row], count: int, name: str, revision: str, batch_size: int) -> None:
    """A .npy file of `count` rows, float32, each of norm 1: question and target in float32 arithmetic. Written row by
    row."""
    from transformers import AutoModel

    tokenizer, encoder = load(AutoModel, name, revision, "float32")
    # of a text that is too long the target is kept: the question is alike for all samples of a prompt
    tokenizer.truncation_side = "left"
    out = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.float32, shape=(count, encoder.config.get_text_config().hidden_size)
    )
    texts = (f"{question(row)}\n\n{row.target}" for row in rows)
    with tqdm(total=count, unit="row", desc="embedding", mininterval=1) as progress:
        for i, vector in enumerate(
            in_batches(texts, len, lambda batch: embed(batch, tokenizer, encoder), batch_size, progress)
        ):
            out[i] = vector
    out.flush()


def embed(texts: list[str], tokenizer: Any, encoder: Any) -> list[np.ndarray]:
    """Hidden states of the last layer, their mean over the tokens (arXiv 1908.10084, section 3), scaled to norm 1."""
    import torch
    import torch.nn.functional as F

    longest = min(tokenizer.model_max_length, encoder.config.get_text_config().max_position_embeddings)
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt").to(encoder.device)
    with torch.inference_mode():
        hidden = encoder(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1).to(hidden)
        return list(F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1).cpu().numpy())
