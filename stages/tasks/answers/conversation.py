"""What the answer in a conversation is: the whole reply. None is simply right or wrong."""

from stages.tasks.answers.reply import Asked, Reading

LABELS = None
is_right = None


def read(text: str, asked: Asked) -> Reading | None:
    return Reading(None, text.strip()) if text.strip() else None


def write(reasoning: str, answer: str, answer_format: str) -> str:
    return answer


def normalise(reference: str, choices: list[str]) -> str | None:
    return reference or None
