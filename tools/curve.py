"""What more or fewer examples are worth: `python -m tools.curve [8b ...] [--points 5] [-S param=value ...]`.

Runs the graph as experiments `curve-<rows>` with all train rows that params.yaml selects, with half of them, a quarter
and so on; each subset lies in the next larger one, because a budget draws by a number that belongs to the row. Prints
what part of the gain over the base is kept, and what twice the rows would give by a straight line over the logarithm of
their number (arXiv 2306.05539 draws such curves), and writes it all to review/curve.csv for `dvc plots show`.
"""

import argparse
import csv
import json
import math
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from dvc.api import read
from scipy import stats

OUT = Path("review/curve.csv")
CONFIDENCE = 0.95


class Point(NamedTuple):
    """Of one student, asked plainly, after learning from so many rows; the bounds are of the questions' chance."""

    student: str
    rows: int
    tokens: int  # of the teacher's replies that are learnt
    value: float
    low: float
    high: float
    is_predicted: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("students", nargs="*", help="all of params.yaml, if none is named")
    parser.add_argument("--points", type=int, default=5, help="nested subsets, each half as large as the one before")
    parser.add_argument("-S", dest="overrides", action="append", default=[], metavar="PARAM=VALUE")
    asked = parser.parse_args()
    if asked.points < 3:
        raise SystemExit(f"curve: got --points {asked.points}, wanted at least 3, or no line has an interval")
    whole = run("curve-all", asked.overrides)
    total = whole["select"]["train"]
    sizes = [total >> halvings for halvings in range(asked.points)]
    if sizes[-1] < 2:
        raise SystemExit(f"curve: got {total} train rows for {asked.points} points, wanted fewer --points")
    budgets = {rows: [f"select.budget.rows={rows}", "select.budget.share=1.0"] for rows in sizes[1:]}
    parts = [run(f"curve-{rows}", [*asked.overrides, *budget]) for rows, budget in budgets.items()]
    points: list[Point] = []
    for student in asked.students or read_students(whole):
        measured = [point(student, found) for found in (whole, *parts)]
        base = arm(whole, f"base-{student}")["value"]
        points += [*measured, twice(measured)]
        print("\n".join(told(measured, base)), flush=True)
    write(points)
    print(f"dvc plots show {OUT} -t curve -x rows -y value")


def run(name: str, overrides: list[str]) -> dict[str, Any]:
    """The experiment's metrics of select and evaluate."""
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], check=False, stderr=subprocess.DEVNULL)
    sets = [part for override in overrides for part in ("-S", override)]
    if subprocess.run(["dvc", "exp", "run", "--temp", "--quiet", "-n", name, *sets], check=False).returncode:
        raise SystemExit(f"curve: the experiment {name} failed; the reason stands above")
    found: dict[str, Any] = {}
    for stage in ("select", "evaluate"):
        found |= {stage: json.loads(read(f"metrics/{stage}.json", rev=name))}
    return {"select": found["select"]["select"], "evaluate": found["evaluate"]}


def read_students(found: dict[str, Any]) -> list[str]:
    models = dict.fromkeys(arm["model"] for arm in found["evaluate"]["arms"])
    return [model for model in models if f"base-{model}" in models]


def arm(found: dict[str, Any], model: str) -> dict[str, Any]:
    """Of a model asked plainly."""
    for one in found["evaluate"]["arms"]:
        if (one["model"], one["style"]) == (model, "plain"):
            return one
    known = ", ".join(read_students(found))
    raise SystemExit(f"curve: got the student {model.removeprefix('base-')}, wanted one of {known}")


def point(student: str, found: dict[str, Any]) -> Point:
    one = arm(found, student)
    return Point(student, found["select"]["train"], found["select"]["tokens"], one["value"], *one["interval"])


def twice(measured: list[Point]) -> Point:
    """Twice the rows of the largest: a straight line over log2(rows), with the interval of one new observation."""
    rows, values = [math.log2(one.rows) for one in measured], [one.value for one in measured]
    line = stats.linregress(rows, values)
    at = max(rows) + 1
    value = line.intercept + line.slope * at  # pyright: ignore[reportAttributeAccessIssue]
    left = np.array(values) - (line.intercept + line.slope * np.array(rows))  # pyright: ignore[reportAttributeAccessIssue]
    degrees = len(rows) - 2
    spread = math.sqrt(float(left @ left) / degrees)
    away = (at - float(np.mean(rows))) ** 2 / float(np.var(rows) * len(rows))
    wide = stats.t.ppf(0.5 + CONFIDENCE / 2, degrees) * spread * math.sqrt(1 + 1 / len(rows) + away)
    largest = max(measured, key=lambda one: one.rows)
    bounds = [min(1.0, max(0.0, bound)) for bound in (value, value - wide, value + wide)]
    return Point(largest.student, 2 * largest.rows, 2 * largest.tokens, *bounds, is_predicted=True)


def told(measured: list[Point], base: float) -> list[str]:
    """Sentences: what each part of the rows keeps of the gain, and what twice the rows would give."""
    whole, more = measured[0], twice(measured)
    lines = [f"{whole.student}: {whole.value:.1%} with {whole.rows:,} rows, {base:.1%} without training"]
    for one in measured[1:]:
        share = (
            f"{(one.value - base) / (whole.value - base):.0%}" if whole.value > base else "nothing, as there is none,"
        )
        # an engine may count no tokens
        tokens = f" ({one.tokens / whole.tokens:.0%} of the tokens)" if whole.tokens else ""
        lines.append(f"{one.student}: {one.value:.1%} with {one.rows:,} rows{tokens}, which keeps {share} of the gain")
    lines.append(
        f"{more.student}: twice the rows would give {more.value:.1%} ({more.low:.1%} to {more.high:.1%}), by a "
        f"straight line over the logarithm of their number"
    )
    return lines


def write(points: list[Point]) -> None:
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("w", newline="") as file:
        rows = [(*one[:-1], "predicted" if one.is_predicted else "measured") for one in points]
        csv.writer(file, lineterminator="\n").writerows([(*Point._fields[:-1], "kind"), *rows])


if __name__ == "__main__":
    main()
