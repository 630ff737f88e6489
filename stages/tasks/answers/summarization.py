"""What the answer to a request for a summary is: the summary, of a chain the last.

No summary is simply right or wrong. The earlier summaries of a chain are no reasoning to be learnt: the student learns
the last one (arXiv 2410.18588).
"""

from typing import Any

from stages.tasks.answers.reply import Asked, Reading, parse_json

LABELS = None
is_right = None


def read(text: str, asked: Asked) -> Reading | None:
    """The whole reply to the plain prompt; of a chain of density the last summary. None where there is none."""
    if asked.style == "plain":
        return reading(text)
    chain = steps(text, asked.answer_format)
    return reading(chain[-1]) if chain else None


def reading(summary: str) -> Reading | None:
    return Reading(None, summary.strip()) if summary.strip() else None


def steps(text: str, answer_format: str) -> list[str]:
    """The summaries of a chain of density, in order; none where the reply is no such chain."""
    if answer_format != "json":
        return [part.strip() for part in text.split(answer_format)[1:] if part.strip()]
    found: Any = parse_json(text)
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), None)
    if not isinstance(found, list) or not all(isinstance(step, dict) for step in found):
        return []
    found = [{str(key).casefold(): value for key, value in step.items()}.get("denser_summary") for step in found]
    return (
        [step.strip() for step in found]
        if all(isinstance(step, str) and any(map(str.isalpha, step)) for step in found)
        else []
    )


def write(reasoning: str, answer: str, answer_format: str) -> str:
    """The target is the bare summary, as the plain prompt asks for it."""
    return answer


def normalise(reference: str, choices: list[str]) -> str | None:
    return reference or None
