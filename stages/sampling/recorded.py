"""Completions that the user already has, by prompt id: no model is asked."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from stages.sampling.request import Reply, Request


class Recorded(BaseModel):
    id: str
    text: str


class RecordedEngine:
    def __init__(self, path: Path) -> None:
        self._texts: dict[str, list[str]] = defaultdict(list)
        with path.open(encoding="utf-8") as lines:
            for row in map(Recorded.model_validate_json, lines):
                self._texts[row.id].append(row.text)

    def ask(self, requests: list[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        """The n-th completion recorded for a prompt is its n-th sample; token counts are unknown, so 0."""
        yield [
            (request, Reply(self._texts[request.prompt_id][request.sample], "stop", 0, 0))
            for request in requests
            if request.sample < len(self._texts[request.prompt_id])
        ]
