"""Print the result tables of metrics/evaluate.json: `python -m tools.table [--markdown]`."""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tools.table.opinions import tables_of_opinions
from tools.table.printed import Table, percent, print_markdown, print_rich

RUNS = Path(".potstill/runs.jsonl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", action="store_true")
    show = print_markdown if parser.parse_args().markdown else print_rich
    report = json.loads(Path("metrics/evaluate.json").read_text())
    interval = f"{100 * report['arms'][0]['confidence']:g} % interval"
    measure = report["measure"].replace("_", " ")
    speeds = seconds_per_token(RUNS)
    tables = [
        Table(
            f"{report['task']}: {measure} on the same {report['rows']} questions{chance(report)}",
            ("model", "asked", f"{measure} %", interval, "unread-\nable %", "cut\noff %"),
            [*map(arm_row, report["arms"])],
        ),
        Table(
            "A thousand questions",
            ("model", "asked", "tokens", "price", "seconds"),
            [cost_row(arm, speeds) for arm in report["arms"]],
        ),
        Table(
            "Paired differences",
            ("first", "against", "points", interval, "p"),
            [*map(comparison_row, report["comparisons"])],
        ),
        Table(
            "Questions until a student has paid",
            ("student", "against", "spent", "questions"),
            [*map(break_even_row, report["break_even"])],
        ),
        Table(
            "Forgetting: other tasks, asked of base and student",
            ("student", "base %", "student %", "lost", interval, ""),
            [*map(retention_row, report["retention"])],
        ),
    ]
    for table in [*tables, *tables_of_opinions(report)]:
        if table.rows:
            show(table)
    filtered = json.loads(Path("metrics/filter.json").read_text())["filter"]
    if "teacher_accuracy_of_all" in filtered:
        of_readable, of_all = (percent(filtered[f"teacher_accuracy_of_{some}"]) for some in ("readable", "all"))
        agree = f"agree with the references in {of_all} %, those that can be read in {of_readable} %"
        print(f"The teacher's train completions {agree}.")


def chance(report: dict[str, Any]) -> str:
    """The baselines that any model must beat."""
    told = [f"{name} {percent(report[name])} %" for name in ("majority", "random") if name in report]
    return f" ({', '.join(told)})" if told else ""


def seconds_per_token(runs: Path) -> dict[str, float]:
    """Model -> seconds for a completion token on this machine, over its runs so far, loading included.

    A fact of the machine, so it is in no metric.
    """
    seconds, tokens = defaultdict(float), defaultdict(int)
    for run in map(json.loads, runs.open(encoding="utf-8") if runs.exists() else []):
        name = Path(run["model"]).name
        seconds[name] += run["seconds"]
        tokens[name] += run["completion_tokens"]
    return {name: seconds[name] / tokens[name] for name in seconds if tokens[name]}


def arm_row(arm: dict[str, Any]) -> tuple[str, ...]:
    interval = " to ".join(percent(bound) for bound in arm["interval"])
    return (
        arm["model"],
        arm["style"],
        percent(arm["value"]),
        interval,
        percent(arm["unreadable"]),
        percent(arm["cut_off"]),
    )


def cost_row(arm: dict[str, Any], speeds: dict[str, float]) -> tuple[str, ...]:
    tokens = 1000 * arm["tokens_per_answer"]
    return (
        arm["model"],
        arm["style"],
        f"{tokens:,.0f}",
        in_words(arm["cost_per_1000"], ".3g"),
        f"{tokens * speeds[arm['model']]:.1f}" if arm["model"] in speeds else "",
    )


def comparison_row(row: dict[str, Any]) -> tuple[str, ...]:
    interval = " to ".join(f"{100 * bound:+.1f}" for bound in row["interval"])
    return row["first"], row["second"], f"{100 * row['difference']:+.1f}", interval, f"{row['p']:.2g}"


def break_even_row(row: dict[str, Any]) -> tuple[str, ...]:
    questions = row["questions"] if isinstance(row["questions"], str) else f"{row['questions']:,}"
    return row["student"], row["against"], in_words(row["spent"], ",.4g"), questions


def in_words(cost: float | None, form: str) -> str:
    return "unknown" if cost is None else format(cost, form)


def retention_row(row: dict[str, Any]) -> tuple[str, ...]:
    interval = " to ".join(f"{100 * bound:+.1f}" for bound in row["interval"])
    shares = percent(row[f"base-{row['student']}"]), percent(row[row["student"]])
    return row["student"], *shares, f"{100 * row['drop']:+.1f}", interval, "REGRESSION" if row["regression"] else ""


if __name__ == "__main__":
    main()
