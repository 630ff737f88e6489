"""What was selected, in numbers: metrics/select.json, and the waterfall from all rows to those learnt."""

import csv
from pathlib import Path
from typing import Any

import polars as pl

from stages.rows.row import SCORE
from stages.select.rules import RULES
from stages.select.scores import quantities
from stages.select.sql import NAMES
from stages.select.tags import BAD
from stages.select.unsure import GOLD
from stages.statistics.rows import percentiles, shares


def report(rows: pl.DataFrame, kept: pl.DataFrame, rejected: pl.DataFrame, filtered: dict[str, Any]) -> dict[str, Any]:
    """`filtered` is what the filter reports; `kept` has the rows that are brought back, which are not among `rows`."""
    num_rejected = dict(rejected["reason"].value_counts().iter_rows())
    told: dict[str, Any] = {
        "rows": len(rows),
        "kept": len(kept),
        "train": int((~kept["is_validation"]).sum()),
        "validation": int(kept["is_validation"].sum()),
        "tokens": int(kept.filter(~pl.col("is_validation"))["completion_tokens"].sum()),  # the teacher's, to train on
        "rejected": {rule.reason: num_rejected.get(rule.reason, 0) for rule in RULES},
        "brought_back": kept["reason"].count(),
        "tags": {tag: int((kept["tag"] == tag).sum()) for tag in (BAD, GOLD)},
        "words": percentiles(kept["words"]),
        "means": means(kept.filter(~pl.col("is_validation"))),
    }
    if "labels" in filtered:
        told["labels"] = shares(kept["vote"])
    return told


def means(rows: pl.DataFrame) -> dict[str, float]:
    """Of every number that SQL may name and some row has, over the rows to train on: what a rule is fitted on."""
    numbers = {NAMES[name]: name for name in ("words", "characters", "tokens")}
    numbers |= {column: column.removeprefix(SCORE) for column in quantities(rows)}
    found = {name: rows[column].cast(pl.Float64).mean() for column, name in numbers.items()}
    return {name: round(mean, 6) for name, mean in found.items() if isinstance(mean, float)}


def write_waterfall(path: Path, filtered: dict[str, Any], selected: dict[str, Any]) -> None:
    with path.open("w", newline="") as file:
        steps = waterfall(filtered["rows"], filtered["rejected"] | selected["rejected"], selected["brought_back"])
        csv.writer(file, lineterminator="\n").writerows([("step", "rows", "from", "to"), *steps])


def waterfall(num_rows: int, rejected: dict[str, int], num_back: int) -> list[tuple[str, int, int, int]]:
    """(step, rows, where its bar begins, where it ends): rows in, each rule's rejected in order, what is brought back
    and what is kept."""
    steps, left = [("rows in", num_rows, 0, num_rows)], num_rows
    for reason, count in rejected.items():
        steps.append((reason, count, left - count, left))
        left -= count
    back = [("brought back", num_back, left, left + num_back)] if num_back else []
    return [*steps, *back, ("kept", left + num_back, 0, left + num_back)]
