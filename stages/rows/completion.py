"""What a model replied to one prompt, raw: handed on by `generate` and `answer`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Completion(BaseModel):
    """`finish_reason`: "stop" where the model ended by itself, "length" where it was cut off, "content_filter" where
    the endpoint withheld it, "unanswered" where no reply was to be had: then `error` says why, else it is "".
    `reasoning` is what a reasoning model thought before its text, where its server hands that over apart, else "".
    Token counts are the engine's, 0 where it has none. An id is unique within its split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    split: str
    id: str
    style: str
    sample: int
    text: str
    reasoning: str
    finish_reason: Literal["stop", "length", "content_filter", "unanswered"]
    error: str
    prompt_tokens: int
    completion_tokens: int


def read_completions(path: Path) -> list[Completion]:
    with path.open(encoding="utf-8") as lines:
        return [Completion.model_validate_json(line) for line in lines]


def write_completions(path: Path, completions: Iterable[Completion]) -> None:
    """One at a time, so that they need not fit into memory together."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(completion.model_dump_json() + "\n" for completion in completions)
