"""What `prompts` hands on: one question, worded as messages for every style of its task."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

PLAIN = "plain"


# Structs of msgspec, because a million prompts are read twice: it makes them as it parses.
class Message(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    content: str


class Prompt(msgspec.Struct, forbid_unknown_fields=True):
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
    decode = msgspec.json.Decoder(Prompt).decode
    with path.open("rb") as lines:
        yield from map(decode, lines)


def write_prompts(path: Path, prompts: Iterable[Prompt]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(msgspec.json.encode(prompt) + b"\n" for prompt in prompts)
