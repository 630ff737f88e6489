"""What the answer to a question of natural language inference is: one of three labels."""

from stages.tasks.answers.label import read_label
from stages.tasks.answers.reply import Asked, Reading, write
from stages.tasks.labels import LABELS, SYNONYMS

__all__ = ["LABELS", "is_right", "normalise", "read", "write"]


def read(text: str, asked: Asked) -> Reading | None:
    """The label, by any of its names; None where none is named, or two."""
    return read_label(text, asked, SYNONYMS)


def normalise(reference: str, choices: list[str]) -> str | None:
    return next((label for label, names in SYNONYMS.items() if reference.strip().casefold() in names), None)


def is_right(answer: str, reference: str, choices: list[str]) -> bool:
    return answer == normalise(reference, choices)
