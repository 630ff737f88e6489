"""A training's metrics and curves: no durations, which differ from run to run."""

import csv
import json
from pathlib import Path
from typing import Any


def write(student: str, report: dict[str, Any], counts: dict[str, int], every: int) -> None:
    """metrics/train-8b.json, the loss of every `every` steps as train-8b.csv, and each evaluation's as
    validation-8b.csv."""
    curve = loss_curve(report["history"], every)
    values = {
        **counts,
        "steps": curve[-1][0],
        "kept_step": report["kept_step"],
        "loss": curve[-1][1],
        "validation_loss": report["validation_loss"],
    }
    rounded = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in values.items()
        if value is not None
    }
    Path("metrics").mkdir(exist_ok=True)
    Path(f"metrics/train-{student}.json").write_text(json.dumps({f"train-{student}": rounded}, indent=2) + "\n")
    write_csv(Path(f"metrics/train-{student}.csv"), curve)
    write_csv(Path(f"metrics/validation-{student}.csv"), validation_curve(report["history"]))


def write_csv(path: Path, curve: list[tuple[int, float]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [("step", "loss"), *((step, round(loss, 4)) for step, loss in curve)]
        )


def loss_curve(history: list[dict[str, float]], every: int) -> list[tuple[int, float]]:
    """(last step, mean loss) of each `every` steps, from a log that holds every step."""
    steps = [(int(entry["step"]), entry["loss"]) for entry in history if "loss" in entry]
    chunks = [steps[i : i + every] for i in range(0, len(steps), every)]
    return [(chunk[-1][0], sum(loss for _, loss in chunk) / len(chunk)) for chunk in chunks]


def validation_curve(history: list[dict[str, float]]) -> list[tuple[int, float]]:
    """(step, loss) of each evaluation; the one after the training repeats the step of another."""
    found = {int(entry["step"]): entry["eval_loss"] for entry in reversed(history) if "eval_loss" in entry}
    return sorted(found.items())
