"""What `prompts` hands on: one question, worded as messages for every style."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str
    content: str


class Prompt(BaseModel):
    """`messages` by style ("plain" for the student, "cot" for the rich one); `reference` is the data
    set's own answer and `solution` its own worked solution, "" where it has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    task: str
    reference: str
    solution: str
    messages: dict[str, list[Message]]


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
