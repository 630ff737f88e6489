"""What `prompts` hands on: one question, worded as messages for every style of its task."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

PLAIN = "plain"


# Neither is frozen: a million prompts are read twice, and a frozen one takes three times as long to make.
@dataclass(slots=True)
class Message:
    role: str
    content: str


@dataclass(slots=True)
class Prompt:
    """`messages` by style: "plain" for the student, and others ("cot", "cod") where the task has them.

    `schemas` by style holds the JSON schema of a reply that an engine may be held to. `reference` is the data set's own
    answer, `solution` its own worked solution, "" where it has none; `choices` are those of a question that has some.
    """

    id: str
    task: str
    reference: str
    solution: str
    choices: list[str]
    messages: dict[str, list[Message]]
    schemas: dict[str, dict[str, Any]]

    def styles(self, wanted: Sequence[str]) -> list[str]:
        """Those of the wanted styles in which it is worded, in the order wanted. Raises SystemExit where it is in
        none."""
        found = [style for style in wanted if style in self.messages]
        if not found:
            raise SystemExit(
                f"params.yaml: styles: got {' '.join(wanted)}, wanted one that the task {self.task} has: "
                f"{', '.join(self.messages)}"
            )
        return found


def read_prompts(path: Path) -> list[Prompt]:
    return list(stream_prompts(path))


def stream_prompts(path: Path) -> Iterator[Prompt]:
    """One at a time, where they may be too many for memory."""
    with path.open("rb") as lines:
        for line in lines:
            fields = orjson.loads(line)
            messages = {style: [Message(**turn) for turn in turns] for style, turns in fields.pop("messages").items()}
            yield Prompt(**fields, messages=messages)


def write_prompts(path: Path, prompts: Iterable[Prompt]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(orjson.dumps(prompt, option=orjson.OPT_APPEND_NEWLINE) for prompt in prompts)
