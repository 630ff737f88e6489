"""Grade the answers of all five models and compare them on the same rows: `python -m stages.evaluate`."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages.evaluate.grade import Graded, grade
from stages.evaluate.params import Evaluate, load
from stages.evaluate.statistics import compare, wilson
from stages.rows.completion import read_completions
from stages.rows.prompt import read_prompts

STUDENTS = ("8b", "70b")
MODELS = ("teacher", *(f"base-{student}" for student in STUDENTS), *STUDENTS)

Arm = tuple[str, str]  # model, style


def main() -> None:
    params = load()
    prompts = read_prompts(Path(f"data/prompts/{params.split}.jsonl"))
    graded: dict[Arm, Graded] = {}
    for model in MODELS:
        completions = read_completions(Path(f"data/answers/{model}.jsonl"))
        for style in sorted({completion.style for completion in completions}, reverse=True):
            graded[model, style] = grade(completions, prompts, style, params.answer_format)
    rows = [describe(arm, found, params.evaluate.confidence) for arm, found in graded.items()]
    report: dict[str, Any] = {}
    for row in rows:
        report.setdefault(row["model"], {})[row["style"]] = row["accuracy"]
    report |= {"arms": rows, "comparisons": [paired(first, second, graded, params.evaluate) for first, second in pairs(list(graded))]}
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/evaluate.json").write_text(json.dumps(report, indent=2) + "\n")
    with Path("metrics/accuracy.csv").open("w", newline="") as file:
        lines = [(row["model"], row["style"], row["accuracy"], *row["interval"]) for row in rows]
        csv.writer(file, lineterminator="\n").writerows([("model", "style", "accuracy", "low", "high"), *lines])


def pairs(arms: list[Arm]) -> list[tuple[Arm, Arm]]:
    """Each distilled student against its base in the same style, and against the teacher in every style."""
    found = []
    for student in STUDENTS:
        for style in [style for model, style in arms if model == student]:
            found.append(((student, style), (f"base-{student}", style)))
            found += [((student, style), ("teacher", other)) for model, other in arms if model == "teacher"]
    return found


def describe(arm: Arm, graded: Graded, confidence: float) -> dict[str, Any]:
    num_rows, num_right = len(graded.outcomes), graded.outcomes.count("right")
    return {
        "model": arm[0],
        "style": arm[1],
        "rows": num_rows,
        "accuracy": round(num_right / num_rows, 4),
        "interval": [round(bound, 4) for bound in wilson(num_right, num_rows, confidence)],
        "confidence": confidence,
        **{outcome: round(graded.outcomes.count(outcome) / num_rows, 4) for outcome in ("unreadable", "cut_off", "unanswered")},
        "tokens_per_answer": round(sum(graded.completion_tokens) / num_rows, 2),
    }


def paired(first: Arm, second: Arm, graded: dict[Arm, Graded], params: Evaluate) -> dict[str, Any]:
    right = [[outcome == "right" for outcome in graded[arm].outcomes] for arm in (first, second)]
    found = asdict(compare(right[0], right[1], params.confidence, params.num_resamples, params.seed))
    rounded = {"difference": round(found["difference"], 4), "interval": [round(bound, 4) for bound in found["interval"]], "p": float(f"{found['p']:.3g}")}
    return {"first": " ".join(first), "second": " ".join(second), **found, **rounded}


if __name__ == "__main__":
    main()
