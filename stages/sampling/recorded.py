"""Completions that the user already has, by prompt id: no model is asked."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel

from stages.sampling.request import Reply, Request, unanswered

PATH = Path("data/prompts/recorded.jsonl")


class Recorded(BaseModel):
    id: str
    text: str


class RecordedEngine:
    def __init__(self, path: Path) -> None:
        self.retries: Counter[str] = Counter()
        self._texts: dict[str, list[str]] = defaultdict(list)
        with path.open(encoding="utf-8") as lines:
            for row in map(Recorded.model_validate_json, lines):
                self._texts[row.id].append(row.text)

    def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        """The n-th completion recorded for a prompt is its n-th sample; token counts are unknown, so 0."""
        yield [(request, self._reply(request)) for request in requests]

    def _reply(self, request: Request) -> Reply:
        texts = self._texts[request.prompt_id]
        if request.sample >= len(texts):
            return unanswered(f"no recorded completion: {len(texts)} for this prompt")
        return Reply(texts[request.sample], "stop", 0, 0, "", "")
