"""What `prompts` hands on: one question, worded as messages for every style of its task."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

PLAIN = "plain"


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str
    content: str


class Prompt(BaseModel):
    """`messages` by style: "plain" for the student, and the task's rich one ("cot", "cod") where it has one.

    `schemas` by style holds the JSON schema of a reply that an engine may be held to. `reference` is the data set's own
    answer, `solution` its own worked solution, "" where it has none; `choices` are those of a question that has some.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    task: str
    reference: str
    solution: str
    choices: list[str]
    messages: dict[str, list[Message]]
    schemas: dict[str, dict[str, Any]]

    def style(self, how: Literal["plain", "rich"]) -> str:
        """The style that "rich" is for this task; plain, where it has no other."""
        return PLAIN if how == "plain" else next((style for style in self.messages if style != PLAIN), PLAIN)


def read_prompts(path: Path) -> list[Prompt]:
    return list(stream_prompts(path))


def stream_prompts(path: Path) -> Iterator[Prompt]:
    """One at a time, where they may be too many for memory."""
    with path.open(encoding="utf-8") as lines:
        yield from map(Prompt.model_validate_json, lines)


def write_prompts(path: Path, prompts: Iterable[Prompt]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(prompt.model_dump_json() + "\n" for prompt in prompts)
