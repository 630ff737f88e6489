"""What the filter did, in numbers: metrics/filter.json and the waterfall."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl

from stages.filter.params import Params
from stages.filter.rules import RULES
from stages.tasks.answers import TASKS

PERCENTILES = (5, 50, 95, 100)


def report(rows: pl.DataFrame, leaked: pl.DataFrame, params: Params) -> dict[str, Any]:
    """Of the table of all rows, `reason` null for those that are kept."""
    kept = rows.filter(pl.col("reason").is_null())
    num_rejected = dict(rows["reason"].drop_nulls().value_counts().iter_rows())
    labelled = [task for task, reads in TASKS.items() if reads.LABELS]
    told: dict[str, Any] = {
        "rows": len(rows),
        "kept": len(kept),
        "train": int((~kept["is_validation"]).sum()),
        "validation": int(kept["is_validation"].sum()),
        "rejected": {rule.reason: num_rejected.get(rule.reason, 0) for rule in RULES},
    }
    if params.filter.labels == "teacher":
        told |= teacher_accuracy(rows)
    if rows["task"].is_in(labelled).any() and params.filter.labels == "teacher":
        told["labels"] = {when: shares(some.filter(pl.col("task").is_in(labelled))["vote"]) for when, some in (("before", rows), ("after", kept))}
    told["words"] = {"before": percentiles(rows["words"]), "after": percentiles(kept["words"])}
    if params.filter.contamination.action != "none":
        found = {rule: int((leaked["rule"] == rule).sum()) for rule in ("exact", "ngram", "similar")}
        told["leaks"] = {**found, "kept": int(kept["row"].is_in(leaked["row"].implode()).sum())}
    if params.filter.private == "report":
        told["private"] = int(kept["has_private"].sum())
    return told


def teacher_accuracy(rows: pl.DataFrame) -> dict[str, float]:
    """Of the readable replies, and of all, where a reply that cannot be read is not right; nothing where no answer is simply right."""
    gradable = rows.filter(pl.col("task").is_in([task for task, reads in TASKS.items() if reads.is_right]))
    num_right, num_read = int(gradable["is_right"].sum()), len(gradable) - gradable["is_right"].null_count()
    if not num_read:
        return {}
    return {"teacher_accuracy_of_readable": round(num_right / num_read, 4), "teacher_accuracy_of_all": round(num_right / len(gradable), 4)}


def shares(votes: pl.Series) -> dict[str, float]:
    """Of every label among the readable answers."""
    counts = votes.drop_nulls().value_counts().sort(votes.name)
    return {str(label): round(count / counts["count"].sum(), 4) for label, count in counts.iter_rows()}


def percentiles(words: pl.Series) -> dict[str, int]:
    """Words of a target."""
    known = words.drop_nulls()
    return {f"p{share}": int(known.quantile(share / 100, "nearest") or 0) for share in PERCENTILES} if len(known) else {}


def write_report(told: dict[str, Any], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "filter.json").write_text(json.dumps({"filter": told}, indent=2) + "\n")
    with (folder / "waterfall.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("step", "rows", "from", "to"), *waterfall(told)])


def waterfall(told: dict[str, Any]) -> list[tuple[str, int, int, int]]:
    """(step, rows, where its bar begins, where it ends): rows in, each rule's rejected in order, what is kept."""
    steps, left = [("rows in", told["rows"], 0, told["rows"])], told["rows"]
    for reason, count in told["rejected"].items():
        steps.append((reason, count, left - count, left))
        left -= count
    return [*steps, ("kept", left, 0, left)]
