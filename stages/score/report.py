"""What the stage found, summed up: how many were judged, and how grades and perplexities are distributed."""

from array import array
from collections import Counter
from statistics import fmean, median
from typing import Any


def judge_report(counts: Counter[str], grades: array) -> dict[str, Any]:
    """`counts` has judged, unreadable and unanswered, which together were asked for; a half grade counts under its own
    name."""
    outcomes = {name: counts[name] for name in ("judged", "unreadable", "unanswered")}
    numbers = Counter(f"{grade:g}" for grade in grades)
    distribution = {name: numbers[name] for name in sorted({"1", "2", "3", "4", "5", *numbers}, key=float)}
    return {"asked": sum(outcomes.values()), **outcomes, "mean_grade": mean(grades), "grades": distribution}


def perplexity_report(counts: Counter[str], perplexities: array) -> dict[str, Any]:
    """`counts` has too_long: the rows that did not fit into the model's context."""
    middle = round(median(perplexities), 4) if perplexities else None
    return {
        "measured": len(perplexities),
        "too_long": counts["too_long"],
        "mean_perplexity": mean(perplexities),
        "median_perplexity": middle,
    }


def mean(values: array) -> float | None:
    return round(fmean(values), 4) if values else None
