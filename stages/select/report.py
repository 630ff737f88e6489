"""What was selected, in numbers: metrics/select.json, and the waterfall from all rows to those learnt."""

import csv
from pathlib import Path
from typing import Any

import polars as pl

from stages.select.rules import RULES
from stages.statistics.rows import percentiles, shares


def report(rows: pl.DataFrame, kept: pl.DataFrame, rejected: pl.DataFrame, filtered: dict[str, Any]) -> dict[str, Any]:
    """`filtered` is what the filter reports."""
    num_rejected = dict(rejected["reason"].value_counts().iter_rows())
    told: dict[str, Any] = {
        "rows": len(rows),
        "kept": len(kept),
        "train": int((~kept["is_validation"]).sum()),
        "validation": int(kept["is_validation"].sum()),
        "tokens": int(kept.filter(~pl.col("is_validation"))["completion_tokens"].sum()),  # the teacher's, to train on
        "rejected": {rule.reason: num_rejected.get(rule.reason, 0) for rule in RULES},
        "words": percentiles(kept["words"]),
    }
    if "labels" in filtered:
        told["labels"] = shares(kept["vote"])
    return told


def write_waterfall(path: Path, filtered: dict[str, Any], selected: dict[str, Any]) -> None:
    with path.open("w", newline="") as file:
        steps = waterfall(filtered["rows"], filtered["rejected"] | selected["rejected"])
        csv.writer(file, lineterminator="\n").writerows([("step", "rows", "from", "to"), *steps])


def waterfall(num_rows: int, rejected: dict[str, int]) -> list[tuple[str, int, int, int]]:
    """(step, rows, where its bar begins, where it ends): rows in, each rule's rejected in order, what is kept."""
    steps, left = [("rows in", num_rows, 0, num_rows)], num_rows
    for reason, count in rejected.items():
        steps.append((reason, count, left - count, left))
        left -= count
    return [*steps, ("kept", left, 0, left)]
