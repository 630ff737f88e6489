"""Print the result table of metrics/evaluate.json: `python -m stages.evaluate.table [--markdown]`."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", action="store_true")
    markdown = parser.parse_args().markdown
    report = json.loads(Path("metrics/evaluate.json").read_text())
    interval = f"{100 * report['arms'][0]['confidence']:g} % interval"
    for title, head, rows in (
        (
            "Accuracy on the same questions",
            ("model", "asked", "right %", interval, "unread-\nable %", "cut\noff %", "tokens"),
            [arm_row(arm) for arm in report["arms"]],
        ),
        ("Paired differences", ("first", "against", "points", interval, "McNemar p"), [comparison_row(row) for row in report["comparisons"]]),
    ):
        if markdown:
            print(
                "\n".join(
                    ["| " + " | ".join(line) + " |" for line in ([name.replace("-\n", "").replace("\n", " ") for name in head], ["---"] * len(head), *rows)]
                ),
                end="\n\n",
            )
        else:
            table = Table(*[Column(name, no_wrap=True) for name in head], title=title, box=SIMPLE, padding=(0, 1))
            for row in rows:
                table.add_row(*row)
            Console().print(table)
    agreement = json.loads(Path("metrics/filter.json").read_text())["filter"].get("teacher_agreement")
    if agreement is not None:
        print(f"The teacher's readable train completions agree with the references in {percent(agreement)} %.")


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def arm_row(arm: dict[str, Any]) -> tuple[str, ...]:
    interval = " to ".join(percent(bound) for bound in arm["interval"])
    return (
        arm["model"],
        arm["style"],
        percent(arm["accuracy"]),
        interval,
        percent(arm["unreadable"]),
        percent(arm["cut_off"]),
        f"{arm['tokens_per_answer']:.1f}",
    )


def comparison_row(row: dict[str, Any]) -> tuple[str, ...]:
    interval = " to ".join(f"{100 * bound:+.1f}" for bound in row["interval"])
    return row["first"], row["second"], f"{100 * row['difference']:+.1f}", interval, f"{row['p']:.2g}"


if __name__ == "__main__":
    main()
