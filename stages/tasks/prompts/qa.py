"""How a question with choices is put to a model."""

from typing import Any

from stages.tasks.prompts.wording import Limits, Turn, reasoned, reasoned_schema

FIELDS = ("question", "choices")
STYLES = ("plain", "cot")
LETTERS = "ABCDEFGHIJ"
TASK = {"terse": "Choose.", "full": "Answer the question with the best of the choices; exactly one is right."}


def instruction(style: str, wording: str, answer_format: str, limits: Limits) -> str:
    return reasoned(style, wording, answer_format, limits, TASK[wording], "the letter of the right choice")


def turns(fields: dict[str, Any]) -> list[Turn]:
    choices = [f"({letter}) {choice}" for letter, choice in zip(LETTERS, fields["choices"], strict=False)]
    return [Turn("user", "\n".join([fields["question"], *choices]))]


def schema(style: str, fields: dict[str, Any]) -> dict[str, Any]:
    return reasoned_schema(style, {"enum": list(LETTERS[: len(fields["choices"])])})


def reference_problem(reference: str, fields: dict[str, Any]) -> str | None:
    choices = fields["choices"]
    if not 2 <= len(choices) <= len(LETTERS):
        return f"got {len(choices)} choices, wanted 2 to {len(LETTERS)}"
    letters = LETTERS[: len(choices)]
    known = (len(reference) == 1 and reference in letters) or reference in choices
    return None if known else f"got {reference[:60]!r}, wanted a letter up to {letters[-1]} or the text of a choice"
