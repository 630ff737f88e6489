"""The text of a review, in Markdown that GitHub and GitLab show: parameters, scores, cost, metrics and plots."""

from typing import Any

from tools.review.chance import Moved

TESTS = {
    "McNemar": "McNemar's exact test, question by question",
    "Wilcoxon": "Wilcoxon's signed-rank test, question by question",
    "Fisher": "Fisher's exact test on the counts, as if the questions were others",
    "z": "a z-test on the intervals, as if the questions were others",
}
ASKED = ("completions", "prompt_tokens", "completion_tokens", "cost")  # metrics, of whatever stage has them


def verdict(named: list[str], regressions: list[str]) -> str:
    if regressions:
        return f"**Regression:** {'; '.join(regressions)}. `review.must_not_drop` in params.yaml names what must not."
    if named:
        return f"Nothing that `review.must_not_drop` names dropped: {', '.join(named)}."
    return "`review.must_not_drop` in params.yaml names nothing, so no drop is a regression."


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return "No change."
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", r"\|").replace("\n", " ")


def folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def scores(before: dict[str, Any], after: dict[str, Any], moved: list[Moved], alpha: float) -> str:
    if not before["arms"]:
        return "There were none before."
    if not moved:
        told = " and ".join(f"{report['task']} ({report['measure'].replace('_', ' ')})" for report in (before, after))
        return f"Not compared: the test questions are of {told}."
    rows = score_rows(moved, alpha)
    head = ("", f"{after['measure'].replace('_', ' ')} before, %", "now, %", "points", "p", "by", "")
    used = [f"{test}: {TESTS[test]}" for test in dict.fromkeys(row[5] for row in rows)]
    return f"{table(head, rows)}\n\n{'; '.join(used)}. p is adjusted by Holm." if rows else "No change."


def score_rows(moved: list[Moved], alpha: float) -> list[tuple[Any, ...]]:
    """(name, before, after, change, p, test, verdict) of the scores that are not the same."""
    return [
        (
            f"`{score.name}`",
            f"{100 * score.before:.1f}",
            f"{100 * score.after:.1f}",
            f"{100 * (score.after - score.before):+.1f}",
            f"{score.p:.2g}",
            score.test,
            "**beyond chance**" if score.p <= alpha else "within chance",
        )
        for score in moved
        if score.before != score.after
    ]


def cost_rows(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(what, before, after) of what was asked, and of a thousand questions to each arm; by name."""
    return [
        (name, amount(before.get(name)), amount(after.get(name)))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def costs(metrics: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """Of one revision: `metrics` by DVC's name, and metrics/evaluate.json."""
    asked = {
        f"{name.removesuffix(f'.{key}')}: {key.replace('_', ' ')}": value
        for name, value in metrics.items()
        for key in ASKED
        if name.endswith(f".{key}") and value is not None
    }
    thousand = {f"1,000 questions, {arm['model']} {arm['style']}": arm["cost_per_1000"] for arm in report["arms"]}
    paid = {
        f"questions until {row['student']} has paid, against {row['against']}": row["questions"]
        for row in report["break_even"]
    }
    return asked | thousand | paid


def amount(value: Any) -> Any:
    return f"{value:,}" if isinstance(value, int | float) else value


def metric_row(name: str, row: dict[str, Any]) -> tuple[str, Any, Any, str]:
    change = row.get("diff")
    return name, row.get("old"), row.get("new"), "" if change is None else f"{round(change, 4):+,}"
