"""How a question of natural language inference is put to a model."""

from typing import Any

from stages.tasks.labels import LABELS, SYNONYMS
from stages.tasks.prompts.wording import Limits, Turn, reasoned, reasoned_schema

FIELDS = ("premise", "hypothesis")
STYLES = ("plain", "cot")
TASK = {
    "terse": "Does it follow?",
    "full": (
        "You get a premise and a hypothesis. Decide by the premise alone. The label is entailment if the hypothesis "
        "must be true where the premise is, "
        "contradiction if it cannot be true then, and neutral if the premise leaves it open."
    ),
}


def instruction(style: str, wording: str, answer_format: str, limits: Limits) -> str:
    return reasoned(
        style, wording, answer_format, limits, TASK[wording], "the label: entailment, neutral or contradiction"
    )


def turns(fields: dict[str, Any]) -> list[Turn]:
    return [Turn("user", f"Premise: {fields['premise']}\nHypothesis: {fields['hypothesis']}")]


def schema(style: str, fields: dict[str, Any]) -> dict[str, Any]:
    return reasoned_schema(style, {"enum": list(LABELS)})


def reference_problem(reference: str, fields: dict[str, Any]) -> str | None:
    known = any(reference.strip().casefold() in words for words in SYNONYMS.values())
    return None if known else f"got {reference[:60]!r}, wanted one of {', '.join(LABELS)}"
