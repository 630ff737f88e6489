"""A rule of selection fitted on your own runs: `python -m tools.fit_rule [number ...] [--runs folder ...]`.

After InstructMining (Cao et al., arXiv 2307.06290): the validation loss of runs on different rows as a linear function
of the means of their rows' numbers. It prints the rule as SQL for select.budget.order, which puts the rows first for
which the loss should be lowest. Without folders the runs are the experiments of `dvc exp run`. Their losses compare
only where their validation rows are the same.
"""

import argparse
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(?P<name>.+)")  # where dvc keeps one


class Run(NamedTuple):
    name: str
    means: dict[str, float]  # of the numbers of the rows that it was trained on
    loss: float


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.fit_rule", description=__doc__)
    parser.add_argument("numbers", nargs="*", help="such as reward knn tokens; without any all that every run has")
    parser.add_argument("--student", default="8b", help="whose validation loss (8b)")
    parser.add_argument("--runs", nargs="+", type=Path, help="folders with metrics/ in place of experiments")
    asked = parser.parse_args(arguments)
    runs = [read(folder, asked.student) for folder in asked.runs] if asked.runs else experiments(asked.student)
    shared = set.intersection(*(set(run.means) for run in runs)) if runs else set()
    numbers = asked.numbers or sorted(shared)
    for name in numbers:
        if name not in shared:
            raise SystemExit(
                f"fit_rule: got {name}, wanted numbers that all {len(runs)} runs have: {', '.join(shared)}"
            )
    if len(runs) < len(numbers) + 2:
        raise SystemExit(
            f"fit_rule: got {len(runs)} runs and {len(numbers)} numbers, wanted at least {len(numbers) + 2} runs for a "
            f"fit that can fail; name fewer numbers"
        )
    means_RN = np.array([[run.means[name] for name in numbers] for run in runs])
    constant, slopes_N, r_squared = fit(means_RN, np.array([run.loss for run in runs]), numbers)
    print(f"loss = {constant:.6g} {sql(numbers, slopes_N)}, R² = {r_squared:.3f} over {len(runs)} runs")
    print(f"select.budget.order: {sql(numbers, -slopes_N).removeprefix('+ ')}")


def experiments(student: str) -> list[Run]:
    """Those of this version that have trained the student and validated it. One that stopped before still has the
    metrics of the run before it."""
    refs = git("for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
    found: list[Run] = []
    for ref in filter(EXPERIMENT.fullmatch, refs):
        select, train = (git("show", f"{ref}:metrics/{stage}.json") for stage in ("select", f"train-{student}"))
        known = json.loads(train)[f"train-{student}"] if train else {}
        if "validation_loss" in known and "means" in json.loads(select)["select"]:
            found.append(to_run(ref, json.loads(select), json.loads(train), student))
    return [run for place, run in enumerate(found) if not any(run[1:] == other[1:] for other in found[:place])]


def git(*arguments: str) -> str:
    """What git prints, nothing where it fails."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout


def read(folder: Path, student: str) -> Run:
    paths = [folder / f"metrics/{stage}.json" for stage in ("select", f"train-{student}")]
    for path in paths:
        if not path.exists():
            raise SystemExit(f"fit_rule: {path}: got no such file, wanted the metrics of a finished run")
    select, train = (json.loads(path.read_text()) for path in paths)
    return to_run(str(folder), select, train, student)


def to_run(name: str, select: dict[str, Any], train: dict[str, Any], student: str) -> Run:
    if "means" not in select["select"]:
        raise SystemExit(f"fit_rule: {name}: got metrics/select.json without means, wanted those of this version's run")
    if "validation_loss" not in train[f"train-{student}"]:
        raise SystemExit(f"fit_rule: {name}: got no validation loss, wanted one; raise filter.validation_share")
    return Run(name, select["select"]["means"], train[f"train-{student}"]["validation_loss"])


def fit(means_RN: np.ndarray, losses_R: np.ndarray, numbers: Sequence[str]) -> tuple[float, np.ndarray, float]:
    """(constant, slope of each number, R²) by ordinary least squares."""
    scale_N = np.abs(means_RN).max(axis=0)
    design = np.column_stack([np.ones(len(means_RN)), means_RN / np.where(scale_N > 0, scale_N, 1)])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise SystemExit(
            f"fit_rule: got {', '.join(numbers)}, of which one is the same in all runs or follows from the others, "
            f"wanted numbers that vary by themselves; name fewer"
        )
    solution = np.linalg.lstsq(design, losses_R)[0]
    left = losses_R - design @ solution
    spread = losses_R - losses_R.mean()
    r_squared = 1 - float(left @ left) / float(spread @ spread) if spread.any() else 1.0
    return float(solution[0]), solution[1:] / np.where(scale_N > 0, scale_N, 1), r_squared


def sql(numbers: Sequence[str], slopes_N: np.ndarray) -> str:
    """Each term with its sign."""
    return " ".join(
        f"{'-' if slope < 0 else '+'} {abs(slope):.6g} * {name}" for name, slope in zip(numbers, slopes_N, strict=True)
    )


if __name__ == "__main__":
    main()
