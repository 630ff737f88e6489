"""The rows that models are asked about, streamed: there may be too many for memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from stages.rows.parquet import batches, read_rows

PATH = Path("data/filtered/rows.parquet")


class Row(NamedTuple):
    """Of stages/rows/row.py: which row it is, what a student is asked, what it would learn to reply, and whether it is
    held out."""

    id: str
    style: str
    sample: int
    split: str
    task: str
    messages: list[dict[str, str]]
    target: str
    is_validation: bool


def stream_rows() -> Iterator[Row]:
    """Those that pass the filter."""
    for batch in batches(PATH, (*Row._fields, "reason")):
        for row in batch.filter(pl.col("reason").is_null()).select(Row._fields).iter_rows():
            yield Row(*row)


def count_passed() -> int:
    return read_rows(PATH, ("reason",))["reason"].null_count()


def question(row: Row) -> str:
    """What the user says, with the conversation before it, and without the system prompt, which words the format of the
    reply."""
    turns = [message for message in row.messages if message["role"] != "system"]
    if len(turns) == 1:
        return turns[0]["content"]
    return "\n\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in turns)
