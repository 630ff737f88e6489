"""What a student forgot: the retention set's questions of other tasks, asked of it and of its base."""

from typing import Any

from stages.evaluate.arms import mean
from stages.evaluate.grade import Prediction, grade
from stages.evaluate.params import Params
from stages.rows.prompt import PLAIN, Prompt
from stages.statistics.intervals import compare


def forgetting(
    student: str, predictions: dict[str, list[Prediction]], prompts: list[Prompt], params: Params
) -> dict[str, Any]:
    """Accuracy of teacher, base and student, what the student lost against its base, and whether that is a
    regression."""
    outcomes = {
        model: grade(predictions[model], prompts, PLAIN, params.answer_format, params.bare_number).outcomes
        for model in ("teacher", f"base-{student}", student)
    }
    values = {model: [float(outcome == "right") for outcome in found] for model, found in outcomes.items()}
    lost = compare(
        values[f"base-{student}"],
        values[student],
        params.evaluate.confidence,
        params.evaluate.num_resamples,
        params.evaluate.seed,
    )
    tasks = dict.fromkeys(prompt.task for prompt in prompts)
    by_task = {
        task: {
            model: mean([value for value, prompt in zip(found, prompts, strict=True) if prompt.task == task])
            for model, found in values.items()
        }
        for task in tasks
    }
    return {
        "student": student,
        "rows": len(prompts),
        **{model: mean(found) for model, found in values.items()},
        "drop": round(lost.difference, 4),
        "interval": [round(bound, 4) for bound in lost.interval],
        "p": float(f"{lost.p:.3g}"),
        "regression": lost.difference > params.evaluate.max_forgetting,
        "tasks": by_task,
    }
