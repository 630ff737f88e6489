"""A server that grades: what it says depends on the graded reply alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.http_server import serving

GRADED = [
    ("#### 20", "no grade"),
    ("#### 19", '{"reasoning": "right", "score": 5}'),
    ("", '```json\n{"reasoning": "vague", "score": 2}\n```'),
]


def grade(asked: dict[str, Any]) -> str:
    """By the first of GRADED that the message has."""
    return next(text for mark, text in GRADED if mark in asked["messages"][-1]["content"])


@contextmanager
def judging() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The server's address, and what it has been asked so far."""
    asked: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked.append(body)
        choice = {"index": 0, "message": {"role": "assistant", "content": grade(body)}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 40, "completion_tokens": 10}
        return 200, {"model": body["model"], "choices": [choice], "usage": usage}

    with serving(answer) as address:
        yield address, asked
