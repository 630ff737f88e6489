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


def row(id: str, user: str, target: str, sample: int = 0, task: str = "math") -> Row:
    messages = [{"role": "system", "content": "Give the answer after ####."}, {"role": "user", "content": user}]
    return Row(id, "cot", sample, "train", task, messages, target)


ROWS = [
    row("p1", CARDS, "12 + 7 = 19. #### 19"),
    row("p1", CARDS, "12 + 7 = 20. #### 20", 1),
    row("p2", "Ivy has 2 shells. How many?", "2. #### 2"),
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
