"""Rows as vectors, data/scores/embeddings.npy: their cosine is the product of two of them.

The column says where in the file a row's vector stands.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tqdm import tqdm

from stages.models import passes
from stages.models.passes import in_batches
from stages.sampling.process_group import die_with_parent
from stages.score.column import OUT, write_off, write_scores
from stages.score.params import NONE, Section, check_pinned, load
from stages.score.rows import Row, count_passed, question, stream_rows

VECTORS = OUT / "embeddings.npy"


class Settings(Section):
    model: Annotated[str, Field(min_length=1)]  # none, or an encoder's folder or hub id
    revision: str  # its digest or hub commit
    batch_size: Annotated[int, Field(gt=0)]


def main() -> None:
    die_with_parent()
    settings = load("embedding", Settings)
    if settings.model == NONE:
        write_off("embedding", ["vector"])
        write_no_embeddings(VECTORS)
        return
    check_pinned("embedding", settings.model, settings.revision)
    count = count_passed()
    OUT.mkdir(parents=True, exist_ok=True)
    write_embeddings(VECTORS, stream_rows(), count, settings.model, settings.revision, settings.batch_size)
    write_scores("embedding", ["vector"], stream_rows(), ((float(place),) for place in range(count)), {})


def write_no_embeddings(path: Path) -> None:
    np.save(path, np.zeros((0, 0), np.float32))


def write_embeddings(path: Path, rows: Iterable[Row], count: int, name: str, revision: str, batch_size: int) -> None:
    """A .npy file of `count` rows, float32, each of norm 1: question and target in float32 arithmetic. Written row by
    row."""
    from transformers import AutoModel

    tokenizer, encoder = passes.load(AutoModel, name, revision, "float32")
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


if __name__ == "__main__":
    main()
