"""Which scores moved beyond chance, by what git holds of two revisions.

Where metrics/values.json of both has the same questions, the test is paired: McNemar's exact one, or Wilcoxon's
signed-rank test where values are no right and wrong. Else, and for what was forgotten, the two count as independent,
which finds large changes alone: Fisher's exact test on the counts of right answers, or a z-test on the intervals.
"""

import math
from typing import Any, NamedTuple

from scipy import stats

from stages.statistics.intervals import compare as paired
from tools.study.statistics import holm

CONFIDENCE, RESAMPLES, SEED = 0.95, 1_000, 0  # of an interval that is not shown


class Score(NamedTuple):
    """An arm's measure, or what a student forgot, by the name that DVC gives the metric."""

    value: float
    interval: tuple[float, float]
    confidence: float
    counts: tuple[int, int] | None  # right and other answers; None where no answer is simply right


class Evaluated(NamedTuple):
    """What a revision's `evaluate` wrote to metrics/."""

    report: dict[str, Any]  # evaluate.json
    values: dict[str, list[Any]]  # values.json; empty where there is none


class Moved(NamedTuple):
    name: str
    before: float
    after: float
    p: float  # adjusted by Holm
    test: str


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


def compare(before: Evaluated, after: Evaluated, named: list[str]) -> list[Moved]:
    """Every score of both. The named ones are a family of tests of their own, so that the others do not weaken them."""
    if any(before.report[key] != after.report[key] for key in ("task", "measure")):
        return []
    old, new = scores(before.report), scores(after.report)
    both = [name for name in new if name in old]
    found = []
    for family in ([name for name in both if name in named], [name for name in both if name not in named]):
        tests = [rows_test(name, before, after) or counts_test(old[name], new[name]) for name in family]
        adjusted = holm([p for p, _ in tests]).tolist()
        found += [
            Moved(name, old[name].value, new[name].value, p, test)
            for name, p, (_, test) in zip(family, adjusted, tests, strict=True)
        ]
    return sorted(found, key=lambda moved: both.index(moved.name))


def rows_test(name: str, before: Evaluated, after: Evaluated) -> tuple[float, str] | None:
    """The p-value and the test's name; None where the values of the same questions are not known."""
    arm = name.replace(".", " ", 1)
    if not (arm in before.values and arm in after.values and before.values["questions"] == after.values["questions"]):
        return None
    old, new = before.values[arm], after.values[arm]
    return paired(old, new, CONFIDENCE, RESAMPLES, SEED).p, "McNemar" if set(old) | set(new) <= {0, 1} else "Wilcoxon"


def counts_test(old: Score, new: Score) -> tuple[float, str]:
    if old.counts and new.counts:
        found: Any = stats.fisher_exact([old.counts, new.counts])
        return float(found.pvalue), "Fisher"
    spread = math.hypot(standard_error(old), standard_error(new))
    if spread == 0:
        return float(old.value == new.value), "z"
    return float(2 * stats.norm.sf(abs(new.value - old.value) / spread)), "z"


def standard_error(score: Score) -> float:
    low, high = score.interval
    return (high - low) / 2 / float(stats.norm.ppf(0.5 + score.confidence / 2))
