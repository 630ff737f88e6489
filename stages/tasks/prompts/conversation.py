"""How a conversation is put to a model: its whole history, own turns of the assistant included, up to the turn that is
asked for."""

import re
from typing import Any

from stages.tasks.prompts.wording import Limits, Turn

FIELDS = ("messages",)
STYLES = ("plain",)  # the method has no other for it
ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "ai": "assistant",
}
# transcripts in one string, as the Baize sets have them
TRANSCRIPT_MARK = re.compile(r"\[\|(Human|AI)\|\]")


def instruction(style: str, wording: str, answer_format: str, limits: Limits) -> str:
    """None but the user's own system prompt."""
    return ""


def turns(fields: dict[str, Any]) -> list[Turn]:
    """The history up to the assistant's last turn, and that turn: it is the reference. Raises ValueError for what is no
    conversation."""
    messages = fields["messages"]
    found = from_transcript(messages) if isinstance(messages, str) else [from_message(message) for message in messages]
    while found and found[-1].role != "assistant":
        found.pop()
    spoken = [turn.role for turn in found if turn.role != "system"]
    if spoken != ["user", "assistant"] * (len(spoken) // 2) or not spoken:
        raise ValueError(
            f"got turns of {', '.join(spoken) or 'nobody'}, wanted user and assistant in turn, and an assistant's last"
        )
    if not all(turn.content for turn in found):
        raise ValueError("got an empty turn")
    return found


def from_message(message: dict[str, Any]) -> Turn:
    """`role` and `content`, or `from` and `value` as in ShareGPT's files."""
    role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
    if role not in ROLES or not isinstance(content, str):
        raise ValueError(
            f"got a turn with {sorted(message)} of {role!r}, wanted role and content (or from and value) of "
            f"{', '.join(ROLES)}"
        )
    return Turn(ROLES[role], content.strip())


def from_transcript(text: str) -> list[Turn]:
    parts = TRANSCRIPT_MARK.split(text)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    found = [Turn(ROLES[mark.lower()], content.strip()) for mark, content in pairs]
    return found[:-1] if found and not found[-1].content else found  # Baize ends with an empty "[|Human|]"


def schema(style: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    return None


def reference_problem(reference: str, fields: dict[str, Any]) -> str | None:
    return None if reference else "got no assistant's turn to compare with"
