"""One model asked in one style: what is told of it, and how two of them compare on the same rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stages.evaluate.cost import break_even, per_thousand
from stages.evaluate.grade import Graded, Prediction, grade
from stages.evaluate.measures import Measured, measure
from stages.evaluate.params import Evaluate, Params
from stages.rows.prompt import PLAIN, Prompt
from stages.statistics.intervals import compare, mean_interval, wilson


@dataclass(frozen=True)
class Arm:
    """One model asked in one style."""

    model: str
    style: str
    graded: Graded
    measured: Measured

    @property
    def name(self) -> str:
        return f"{self.model} {self.style}"


def arms_of(model: str, predictions: list[Prediction], prompts: list[Prompt], params: Params) -> list[Arm]:
    """One for each style in which the model was asked the questions of the split."""
    asked = {prediction.style for prediction in predictions}
    found = []
    for style in prompts[0].messages:
        if style in asked:
            graded = grade(predictions, prompts, style, params.answer_format, params.bare_number)
            found.append(Arm(model, style, graded, measure(graded, prompts, params)))
    return found


def pairs(arms: list[Arm], students: list[str]) -> list[tuple[Arm, Arm]]:
    """Each distilled student against its base in the same style, and against the teacher in every style."""
    found = []
    for student in [arm for arm in arms if arm.model in students]:
        found += [
            (student, other)
            for other in arms
            if other.model == f"base-{student.model}" and other.style == student.style
        ]
        found += [(student, other) for other in arms if other.model == "teacher"]
    return found


def describe(arm: Arm, cost: float | None, params: Evaluate) -> dict[str, Any]:
    values, num_rows = arm.measured.values, len(arm.measured.values)
    if "right" in arm.graded.outcomes or "wrong" in arm.graded.outcomes:
        interval = wilson(arm.graded.outcomes.count("right"), num_rows, params.confidence)
    else:
        interval = mean_interval(values, params.confidence, params.num_resamples, params.seed)
    return {
        "model": arm.model,
        "style": arm.style,
        "rows": num_rows,
        "value": mean(values),
        "interval": [round(bound, 4) for bound in interval],
        "confidence": params.confidence,
        **{
            outcome: round(arm.graded.outcomes.count(outcome) / num_rows, 4)
            for outcome in ("unreadable", "cut_off", "unanswered")
        },
        "tokens_per_answer": round(sum(arm.graded.completion_tokens) / num_rows, 2),
        "cost_per_1000": rounded(cost, 6),
        **arm.measured.details,
    }


def paired(first: Arm, second: Arm, params: Evaluate) -> dict[str, Any]:
    found = asdict(
        compare(first.measured.values, second.measured.values, params.confidence, params.num_resamples, params.seed)
    )
    rounded = {
        "difference": round(found["difference"], 4),
        "interval": [round(bound, 4) for bound in found["interval"]],
        "p": float(f"{found['p']:.3g}"),
    }
    return {"first": first.name, "second": second.name, **found, **rounded}


def cost_of(arm: Arm, params: Params) -> float | None:
    """Of a thousand questions, None where its prices are not known; a student is served at the price of its base."""
    prices = params.prices[arm.model if arm.model in params.prices else f"base-{arm.model}"]
    return per_thousand(arm.graded.prompt_tokens, arm.graded.completion_tokens, prices.prompt, prices.completion)


def paid_back(
    arms: list[Arm], costs: dict[str, float | None], spent: float | None, params: Params
) -> list[dict[str, Any]]:
    """For each student asked plainly, against each of the teacher's arms: what was spent, and the questions after which
    that is paid back."""
    rows = []
    for student in [arm for arm in arms if arm.model in params.students and arm.style == PLAIN]:
        training = params.training_cost[student.model]
        total = None if spent is None or training is None else spent + training
        for teacher in [arm for arm in arms if arm.model == "teacher"]:
            questions = break_even(total, costs[teacher.name], costs[student.name])
            rows.append(
                {"student": student.name, "against": teacher.name, "spent": rounded(total, 4), "questions": questions}
            )
    return rows


def rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)


def mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)
