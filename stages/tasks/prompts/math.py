"""How a math problem is put to a model."""

import re
from typing import Any

from stages.tasks.prompts.wording import Limits, Turn, reasoned, reasoned_schema

FIELDS = ("question",)
STYLES = ("plain", "cot")


def instruction(style: str, wording: str, answer_format: str, limits: Limits) -> str:
    task = {"terse": "", "full": "Solve the math problem."}[wording]
    return reasoned(style, wording, answer_format, limits, task, "the final answer as a bare number without units")


def turns(fields: dict[str, Any]) -> list[Turn]:
    return [Turn("user", fields["question"])]


def schema(style: str, fields: dict[str, Any]) -> dict[str, Any]:
    return reasoned_schema(style, {"type": "number"})


def reference_problem(reference: str, fields: dict[str, Any]) -> str | None:
    """What is wrong with a data set's own answer, or None."""
    if re.fullmatch(r"-?\$?[\d,]*\.?\d+(/\d+)?%?", reference.strip()):
        return None
    return f"got {reference[:60]!r}, wanted a number"
