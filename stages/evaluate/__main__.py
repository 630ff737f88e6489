"""Grade the answers of all models and compare them on the same rows: `python -m stages.evaluate`."""

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.evaluate.arms import Arm, arms_of, cost_of, describe, mean, paid_back, paired, pairs, rounded
from stages.evaluate.forgetting import forgetting
from stages.evaluate.grade import Prediction, read_predictions
from stages.evaluate.labels import baselines, confusion
from stages.evaluate.measures import measure_name, normalised
from stages.evaluate.opinions import opinions
from stages.evaluate.params import load
from stages.rows.prompt import Prompt, read_prompts
from stages.tasks.answers.table import TASKS

METRICS = Path("metrics")


def main() -> None:
    params = load()
    prompts = read_prompts(Path(f"data/prompts/{params.split}.jsonl"))
    models = ("teacher", *(f"base-{student}" for student in params.students), *params.students)
    predictions = {model: read_predictions(Path(f"data/predictions/{model}.parquet")) for model in models}
    arms = [
        arm for model in models for arm in arms_of(model, of_split(predictions[model], params.split), prompts, params)
    ]
    asked = [prompt for prompt in read_prompts(Path("data/prompts/retention.jsonl")) if TASKS[prompt.task].is_right]
    on_retention = {model: of_split(predictions[model], "retention") for model in models}
    retained = [forgetting(student, on_retention, asked, params) for student in params.students] if asked else []
    spent = json.loads((METRICS / "generate.json").read_text())["generate"]["cost"]
    costs = {arm.name: cost_of(arm, params) for arm in arms}
    report: dict[str, Any] = {"task": prompts[0].task, "measure": measure_name(prompts[0].task), "rows": len(prompts)}
    if TASKS[prompts[0].task].is_right:
        report |= chance(prompts)
    for arm in arms:
        report.setdefault(arm.model, {})[arm.style] = mean(arm.measured.values)
    report["forgetting"] = {row["student"]: row["drop"] for row in retained}
    report |= {
        "arms": [describe(arm, costs[arm.name], params.evaluate) for arm in arms],
        "comparisons": [paired(first, second, params.evaluate) for first, second in pairs(arms, params.students)],
        "retention": retained,
        "break_even": paid_back(arms, costs, spent, params),
        **opinions(
            arms, {model: of_split(found, params.split) for model, found in predictions.items()}, prompts, params
        ),
    }
    write(report, arms, costs, prompts)
    for row in retained:
        if row["regression"]:
            print(
                f"evaluate: regression: {row['student']} lost {row['drop']:.1%} on the retention set, more than "
                f"evaluate.max_forgetting",
                file=sys.stderr,
            )


def of_split(predictions: list[Prediction], split: str) -> list[Prediction]:
    return [prediction for prediction in predictions if prediction.split == split]


def chance(prompts: list[Prompt]) -> dict[str, float]:
    """Majority and random baselines; a task with choices has as many options as the row has choices."""
    labels = TASKS[prompts[0].task].LABELS
    options = [len(prompt.choices) or len(labels) for prompt in prompts] if labels else []
    return baselines(normalised(prompts), options)


def write(report: dict[str, Any], arms: list[Arm], costs: dict[str, float | None], prompts: list[Prompt]) -> None:
    METRICS.mkdir(exist_ok=True)
    (METRICS / "evaluate.json").write_text(json.dumps(report, indent=2) + "\n")
    (METRICS / "values.json").write_text(values(arms, [prompt.id for prompt in prompts]))
    write_csv(
        "arms",
        ("model", "style", "value", "low", "high"),
        [(row["model"], row["style"], row["value"], *row["interval"]) for row in report["arms"]],
    )
    write_csv(
        "cost",
        ("arm", "cost", "value", "low", "high"),
        [
            (arm.name, rounded(costs[arm.name], 6), row["value"], *row["interval"])
            for arm, row in zip(arms, report["arms"], strict=True)
        ],
    )
    labels, cells = TASKS[prompts[0].task].LABELS, []
    if labels:
        used = list(labels)[: max((len(prompt.choices) for prompt in prompts), default=0) or len(labels)]
        cells = [(arm.name, *cell) for arm in arms for cell in confusion(normalised(prompts), arm.graded.answers, used)]
    write_csv("confusion", ("arm", "reference", "answer", "rows"), cells)


def values(arms: list[Arm], ids: list[str]) -> str:
    """The value of each question under each arm, as JSON of a line for each arm: by it git alone can tell whether two
    revisions differ beyond chance."""
    lines = {"questions": ids} | {arm.name: [*map(shortest, arm.measured.values)] for arm in arms}
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(line)}" for name, line in lines.items()) + "\n}\n"


def shortest(value: float) -> float:
    return int(value) if value.is_integer() else round(value, 4)


def write_csv(name: str, head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with (METRICS / f"{name}.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


if __name__ == "__main__":
    main()
