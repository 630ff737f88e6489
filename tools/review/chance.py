"""Which scores moved beyond chance, by what git holds of two revisions: the counts and intervals in
metrics/evaluate.json.

Right answers of two revisions are compared by Fisher's exact test, other measures and what was forgotten by a z-test on
their intervals. Both take the two as independent. They answer the same questions, so a test on the rows would find
smaller changes: what is called beyond chance here is so.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats


class Score(NamedTuple):
    """An arm's measure, or what a student forgot, by the name that DVC gives the metric."""

    value: float
    interval: tuple[float, float]
    confidence: float
    counts: tuple[int, int] | None  # right and other answers; None where no answer is simply right


class Moved(NamedTuple):
    name: str
    before: float
    after: float
    p: float  # adjusted by Holm


def scores(report: dict[str, Any]) -> dict[str, Score]:
    """Of metrics/evaluate.json."""
    found = {}
    for arm in report["arms"]:
        right = round(arm["value"] * arm["rows"])
        counts = (right, arm["rows"] - right) if report["measure"] == "accuracy" else None
        score = Score(arm["value"], tuple(arm["interval"]), arm["confidence"], counts)
        found[f"{arm['model']}.{arm['style']}"] = score
    confidence = report["arms"][0]["confidence"]
    for row in report["retention"]:
        found[f"forgetting.{row['student']}"] = Score(row["drop"], tuple(row["interval"]), confidence, None)
    return found


def compare(before: dict[str, Any], after: dict[str, Any], named: list[str]) -> list[Moved]:
    """Every score of both reports. The named ones are a family of tests of their own, so that the others do not weaken
    them."""
    if any(before[key] != after[key] for key in ("task", "measure")):
        return []
    old, new = scores(before), scores(after)
    both = [name for name in new if name in old]
    found = []
    for family in ([name for name in both if name in named], [name for name in both if name not in named]):
        adjusted = holm([p_of(old[name], new[name]) for name in family])
        found += [Moved(name, old[name].value, new[name].value, p) for name, p in zip(family, adjusted, strict=True)]
    return sorted(found, key=lambda moved: both.index(moved.name))


def p_of(old: Score, new: Score) -> float:
    if old.counts and new.counts:
        return float(stats.fisher_exact([old.counts, new.counts]).pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    spread = math.hypot(standard_error(old), standard_error(new))
    if spread == 0:
        return float(old.value == new.value)
    return float(2 * stats.norm.sf(abs(new.value - old.value) / spread))


def standard_error(score: Score) -> float:
    low, high = score.interval
    return (high - low) / 2 / float(stats.norm.ppf(0.5 + score.confidence / 2))


def holm(values: list[float]) -> list[float]:
    """Of p-values, in their order (Holm 1979, Scandinavian Journal of Statistics 6:65)."""
    order = np.argsort(values, kind="stable")
    steps = np.array(values)[order] * (len(values) - np.arange(len(values)))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted.tolist()
