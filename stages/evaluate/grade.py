"""Graded replies of one model in one style."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from stages.rows.parquet import read_rows
from stages.rows.prompt import Prompt
from stages.tasks.answers.reply import Asked
from stages.tasks.answers.table import TASKS

Outcome = Literal["right", "wrong", "read", "unreadable", "cut_off", "unanswered"]


class Prediction(NamedTuple):
    """What grading needs of a model's reply: columns of stages/rows/row.py."""

    split: str
    id: str
    style: str
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def read_predictions(path: Path) -> list[Prediction]:
    return [Prediction(*row) for row in read_rows(path, Prediction._fields).iter_rows()]


@dataclass(frozen=True)
class Graded:
    """One item for every prompt, in their order. "read" is the outcome where no answer is simply right or wrong."""

    outcomes: list[Outcome]
    answers: list[str | None]  # None where none could be read
    prompt_tokens: list[int]
    completion_tokens: list[int]


def grade_one(
    prediction: Prediction, prompt: Prompt, answer_format: str, bare_number: bool
) -> tuple[Outcome, str | None]:
    """A reply that was cut off is never right, whatever stands in it."""
    if prediction.finish_reason in ("unanswered", "content_filter"):
        return "unanswered", None
    if prediction.finish_reason == "length":
        return "cut_off", None
    task = TASKS[prompt.task]
    reading = task.read(prediction.text, Asked(prediction.style, answer_format, prompt.choices, bare_number))
    if reading is None:
        return "unreadable", None
    if task.is_right is None:
        return "read", reading.answer
    return "right" if task.is_right(reading.answer, prompt.reference, prompt.choices) else "wrong", reading.answer


def grade(
    predictions: list[Prediction], prompts: list[Prompt], style: str, answer_format: str, bare_number: bool
) -> Graded:
    """The replies of one model in one style, in the order of the prompts; every prompt must have one."""
    by_id = {prediction.id: prediction for prediction in predictions if prediction.style == style}
    missing = [prompt.id for prompt in prompts if prompt.id not in by_id]
    if missing:
        raise AssertionError(
            f"{len(prompts)} prompts, {len(missing)} without a {style} answer: {', '.join(missing[:3])}"
        )
    in_order = [by_id[prompt.id] for prompt in prompts]
    graded = [
        grade_one(prediction, prompt, answer_format, bare_number)
        for prediction, prompt in zip(in_order, prompts, strict=True)
    ]
    return Graded(
        [outcome for outcome, _ in graded],
        [answer for _, answer in graded],
        [prediction.prompt_tokens for prediction in in_order],
        [prediction.completion_tokens for prediction in in_order],
    )
