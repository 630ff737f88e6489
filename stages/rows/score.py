"""What models think of each completion: handed on by `score`, a row per completion in the order of the completions."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Scores(BaseModel):
    """`judge` is a grade from 1 (useless) to 5 (nothing to mend), `perplexity` is per token, at least 1; each is None where it
    was not asked for or not to be had."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    sample: int
    judge: float | None
    perplexity: float | None


def stream_scores(path: Path) -> Iterator[Scores]:
    """One at a time, where they may be too many for memory."""
    with path.open(encoding="utf-8") as lines:
        yield from map(Scores.model_validate_json, lines)


def write_scores(path: Path, rows: Iterable[Scores]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(row.model_dump_json() + "\n" for row in rows)
