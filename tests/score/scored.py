"""Rows to score, and the laptop models to score them with."""

from pathlib import Path
from typing import Any

import polars as pl

from stages.rows.parquet import writing
from stages.rows.row import schema
from stages.score.rows import Row
from tests.architecture.closure import ROOT

MODELS = ROOT / "data/laptop/models"
CARDS = "Zoe has 12 cards. She finds 7 more. How many cards does Zoe have now?"


def row(id: str, user: str, target: str, sample: int = 0, task: str = "math", held_out: bool = False) -> Row:
    messages = [{"role": "system", "content": "Give the answer after ####."}, {"role": "user", "content": user}]
    return Row(id, "cot", sample, "train", task, messages, target, held_out)


ROWS = [
    row("p1", CARDS, "12 + 7 = 19. #### 19"),
    row("p1", CARDS, "12 + 7 = 20. #### 20", 1),
    row("p2", "Ivy has 2 shells. How many?", "2. #### 2", held_out=True),
]


def write_filtered(path: Path) -> None:
    """ROWS as the filter passes them, and one between them that it rejects."""
    wrong = ROWS[0]._replace(sample=2)
    reasons = [(ROWS[0], None), (ROWS[1], None), (wrong, "wrong"), (ROWS[2], None)]
    columns = schema("filter")
    rows: list[dict[str, Any]] = [
        dict.fromkeys(columns) | one._asdict() | {"reason": reason} for one, reason in reasons
    ]
    with writing(path, columns) as write:
        write(pl.DataFrame(rows, schema=columns))


def save_reward_model(folder: Path) -> Path:
    """A tiny classifier of random weights with one label, and the laptop's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(MODELS / "base-8b")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        pad_token_id=tokenizer.pad_token_id,
    )
    config.num_labels = 1
    torch.manual_seed(1)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
