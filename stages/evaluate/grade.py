"""Graded replies, and what is told of a model in one style."""

from dataclasses import dataclass
from typing import Literal

from stages.rows.completion import Completion
from stages.rows.prompt import Prompt
from stages.tasks.answers import IS_RIGHT, READ

Outcome = Literal["right", "wrong", "unreadable", "cut_off", "unanswered"]


@dataclass(frozen=True)
class Graded:
    outcomes: list[Outcome]
    completion_tokens: list[int]


def outcome(completion: Completion, prompt: Prompt, answer_format: str) -> Outcome:
    """A reply that was cut off is never right, whatever stands in it."""
    if completion.finish_reason == "unanswered":
        return "unanswered"
    if completion.finish_reason == "length":
        return "cut_off"
    reading = READ[prompt.task](completion.text, answer_format)
    if reading is None:
        return "unreadable"
    return "right" if IS_RIGHT[prompt.task](reading.answer, prompt.reference) else "wrong"


def grade(completions: list[Completion], prompts: list[Prompt], style: str, answer_format: str) -> Graded:
    """The replies of one model in one style, in the order of the prompts; every prompt must have one."""
    by_id = {completion.id: completion for completion in completions if completion.style == style}
    if len(by_id) != len(prompts):
        raise AssertionError(f"{len(prompts)} prompts, {len(by_id)} {style} answers")
    in_order = [by_id[prompt.id] for prompt in prompts]
    return Graded(
        [outcome(completion, prompt, answer_format) for completion, prompt in zip(in_order, prompts, strict=True)],
        [completion.completion_tokens for completion in in_order],
    )
