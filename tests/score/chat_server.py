"""A server that grades, or recovers questions: what it says depends on the reply it sees alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests import http_server

GRADED = [
    ("#### 20", "no grade"),
    ("#### 19", '{"reasoning": "right", "score": 5}'),
    ("", '```json\n{"reasoning": "vague", "score": 2}\n```'),
]


def grade(asked: dict[str, Any]) -> str:
    """By the first of GRADED that the message has."""
    return next(text for mark, text in GRADED if mark in asked["messages"][-1]["content"])


def recover(asked: dict[str, Any]) -> str:
    """The question of CARDS with another number, and of others nothing."""
    return (
        "How many cards has Zoe, who has 12 cards and finds 9 more?"
        if "12 + 7" in asked["messages"][-1]["content"]
        else "?"
    )


@contextmanager
def serving(says: Callable[[dict[str, Any]], str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The server's address, and what it has been asked so far."""
    asked: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked.append(body)
        choice = {"index": 0, "message": {"role": "assistant", "content": says(body)}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 40, "completion_tokens": 10}
        return 200, {"model": body["model"], "choices": [choice], "usage": usage}

    with http_server.serving(answer) as address:
        yield address, asked
