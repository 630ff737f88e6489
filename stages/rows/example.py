"""What `filter` hands on: examples to learn from, and the rows it rejected."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from stages.rows.prompt import Message


class Example(BaseModel):
    """A plain prompt and its target, in TRL's conversational prompt/completion form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    sample: int
    prompt: list[Message]
    completion: list[Message]


class Rejected(BaseModel):
    """A completion that is not learnt from; `detail` is the evidence in words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    sample: int
    reason: str
    detail: str
    text: str


def write_rows(path: Path, rows: list[Example] | list[Rejected]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(row.model_dump_json() + "\n" for row in rows)
