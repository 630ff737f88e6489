"""Graded replies of one model in one style."""

from dataclasses import dataclass
from typing import Literal

from stages.rows.completion import Completion
from stages.rows.prompt import Prompt
from stages.tasks.answers import TASKS
from stages.tasks.reply import Asked

Outcome = Literal["right", "wrong", "read", "unreadable", "cut_off", "unanswered"]


@dataclass(frozen=True)
class Graded:
    """One item for every prompt, in their order. "read" is the outcome where no answer is simply right or wrong."""

    outcomes: list[Outcome]
    answers: list[str | None]  # None where none could be read
    prompt_tokens: list[int]
    completion_tokens: list[int]


def grade_one(completion: Completion, prompt: Prompt, answer_format: str, bare_number: bool) -> tuple[Outcome, str | None]:
    """A reply that was cut off is never right, whatever stands in it."""
    if completion.finish_reason in ("unanswered", "content_filter"):
        return "unanswered", None
    if completion.finish_reason == "length":
        return "cut_off", None
    task = TASKS[prompt.task]
    reading = task.read(completion.text, Asked(completion.style, answer_format, prompt.choices, bare_number))
    if reading is None:
        return "unreadable", None
    if task.is_right is None:
        return "read", reading.answer
    return "right" if task.is_right(reading.answer, prompt.reference, prompt.choices) else "wrong", reading.answer


def grade(completions: list[Completion], prompts: list[Prompt], style: str, answer_format: str, bare_number: bool) -> Graded:
    """The replies of one model in one style, in the order of the prompts; every prompt must have one."""
    by_id = {completion.id: completion for completion in completions if completion.style == style}
    missing = [prompt.id for prompt in prompts if prompt.id not in by_id]
    if missing:
        raise AssertionError(f"{len(prompts)} prompts, {len(missing)} without a {style} answer: {', '.join(missing[:3])}")
    in_order = [by_id[prompt.id] for prompt in prompts]
    graded = [grade_one(completion, prompt, answer_format, bare_number) for completion, prompt in zip(in_order, prompts, strict=True)]
    return Graded(
        [outcome for outcome, _ in graded],
        [answer for _, answer in graded],
        [completion.prompt_tokens for completion in in_order],
        [completion.completion_tokens for completion in in_order],
    )
