"""What the filter did, in numbers: metrics/filter.json."""

from typing import Any

import polars as pl

from stages.filter.params import Params
from stages.filter.rules import RULES
from stages.statistics.rows import percentiles, shares
from stages.tasks.answers.table import TASKS


def report(rows: pl.DataFrame, leaked: pl.DataFrame, params: Params) -> dict[str, Any]:
    """Of the table of all rows, `reason` null for those that pass."""
    passed = rows.filter(pl.col("reason").is_null())
    num_rejected = dict(rows["reason"].drop_nulls().value_counts().iter_rows())
    labelled = [task for task, parser in TASKS.items() if parser.LABELS]
    told: dict[str, Any] = {
        "rows": len(rows),
        "passed": len(passed),
        "rejected": {rule.reason: num_rejected.get(rule.reason, 0) for rule in RULES},
    }
    if params.filter.labels == "teacher":
        told |= teacher_accuracy(rows)
        if rows["task"].is_in(labelled).any():
            told["labels"] = shares(rows.filter(pl.col("task").is_in(labelled))["vote"])
    told["words"] = percentiles(rows["words"])
    if params.filter.contamination.action != "none":
        found = {rule: int((leaked["rule"] == rule).sum()) for rule in ("exact", "ngram", "similar")}
        told["leaks"] = {**found, "passed": int(passed["row"].is_in(leaked["row"].implode()).sum())}
    if params.filter.private == "report":
        told["private"] = int(passed["has_private"].sum())
    return told


def teacher_accuracy(rows: pl.DataFrame) -> dict[str, float]:
    """Of the readable replies, and of all, where one that cannot be read is not right; nothing where no answer is
    simply right."""
    gradable = rows.filter(pl.col("task").is_in([task for task, parser in TASKS.items() if parser.is_right]))
    num_right, num_read = int(gradable["is_right"].sum()), len(gradable) - gradable["is_right"].null_count()
    if not num_read:
        return {}
    of_readable, of_all = round(num_right / num_read, 4), round(num_right / len(gradable), 4)
    return {"teacher_accuracy_of_readable": of_readable, "teacher_accuracy_of_all": of_all}
