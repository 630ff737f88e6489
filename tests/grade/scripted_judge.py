"""Judges behind a real HTTP server that lean by known amounts, and replies for them to judge.

A reply is "q=2.0 by=8b w w w": how good it is, who wrote it, and words to fill it up. A judge prefers A to B by the
log-odds of the difference in quality, plus what it leans. It draws by the message, so that it says the same again.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import polars as pl

from stages.rows.parquet import writing
from stages.rows.prompt import Message, Prompt, write_prompts
from stages.rows.row import schema
from tests import http_server
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

REPLY = re.compile(r"q=(?P<quality>\S+) by=(?P<by>\S+)(?P<filler>.*)")
MODELS = ("teacher", "base-8b", "8b")
QUALITY = {"teacher": 1.0, "8b": 0.6, "base-8b": 0.0}
LINES = ("helpful", "correct", "clear", "safe")
SPREAD = 10.0  # words, the standard deviation of the difference of two lengths


class Judge(NamedTuple):
    """What is added to the log-odds of a reply: for being shown first, for being longer by a standard deviation or so,
    for being of the judge's own model; and the shares of ties and of what nobody can read."""

    first: float = 0.0
    length: float = 0.0
    own: float = 0.0
    ties: float = 0.0
    unreadable: float = 0.0
    model: str = "teacher"  # whose replies are its own


class Shown(NamedTuple):
    quality: float
    by: str
    words: int


def read(text: str) -> Shown:
    found = REPLY.search(text)
    assert found
    return Shown(float(found["quality"]), found["by"], len(found[0].split()))


def chance(judge: Judge, shown_first: Shown, shown_second: Shown) -> float:
    """That the one that is shown first is preferred, where it is no tie."""
    own = (shown_first.by == judge.model) - (shown_second.by == judge.model)
    longer = math.tanh((shown_first.words - shown_second.words) / SPREAD)
    odds = shown_first.quality - shown_second.quality + judge.first + judge.length * longer + judge.own * own
    return 1 / (1 + math.exp(-odds))


def says(judge: Judge, asked: dict[str, Any]) -> str:
    message = asked["messages"][-1]["content"]
    draw = Random(hashlib.sha256(f"{asked['model']} {message}".encode()).digest())
    if draw.random() < judge.unreadable:
        return "I cannot decide."
    if "<A>" not in message:
        reply = read(message.split("<reply>")[1])
        grade = min(5, max(1, round(3 + reply.quality + draw.gauss(0, 0.7))))
        return json.dumps({"reasoning": "So it is.", **dict.fromkeys(LINES, grade)})
    a, b = (read(message.split(f"<{name}>")[1]) for name in ("A", "B"))
    tie, preferred = draw.random() < judge.ties, draw.random() < chance(judge, a, b)
    return json.dumps({"reasoning": "So it is.", "better": "tie" if tie else "A" if preferred else "B"})


@contextmanager
def serving(judges: dict[str, Judge]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The server's address, and what it has been asked so far; a judge for each name of a model."""
    asked: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked.append(body)
        message = {"role": "assistant", "content": says(judges[body["model"]], body)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, {
            "model": body["model"],
            "choices": [choice],
            "usage": {"prompt_tokens": 40, "completion_tokens": 10},
        }

    with http_server.serving(answer) as address:
        yield address, asked


def reply_of(model: str, number: int) -> str:
    """The same of a model in a prompt each time; its length has nothing to do with its quality."""
    draw = Random(f"{model} {number}")
    words = max(3, round(draw.gauss(40, SPREAD / 2**0.5)))
    return f"q={QUALITY[model]} by={model}" + " w" * (words - 2)


def make(folder: Path, num_prompts: int, *overrides: str, judges: tuple[str, ...] = ("judge",), models=MODELS) -> Path:
    """A working folder in which `grade` asks judges, roles whose models are org/<role>, about conversations; `models`
    are those that replied."""
    (folder / "data/laptop").parent.mkdir(parents=True, exist_ok=True)
    (folder / "data/laptop").symlink_to(ROOT / "data/laptop")
    (folder / "data/rubrics").symlink_to(ROOT / "data/rubrics")
    role = "{engine: openai, model: org/%s, revision: '1', precision: auto, prompt_price: 1.0, completion_price: 2.0}"
    roles = [f"+profiles.laptop.roles.{name}={role % name}" for name in judges]
    copy_settings(
        folder,
        "students=[8b]",
        "dataset=laptop-conversation",
        "sampling.max_concurrency=8",  # a server of threads lets more wait
        "grade.num_prompts=0",
        f"grade.by={' '.join(judges)}",
        *roles,
        *overrides,
    )
    messages = {"plain": [Message("system", "Reply."), Message("user", "Hello?")]}
    prompts = [Prompt(f"p{i}", "conversation", "", "", [], _numbered(messages, i), {}) for i in range(num_prompts)]
    write_prompts(folder / "data/prompts/test.jsonl", prompts)
    for model in models:
        write_replies(folder, model, [reply_of(model, i) for i in range(num_prompts)])
    return folder


def _numbered(messages: dict[str, list[Message]], number: int) -> dict[str, list[Message]]:
    return {style: [turns[0], Message("user", f"Hello {number}?")] for style, turns in messages.items()}


def write_replies(folder: Path, model: str, texts: list[str | None]) -> None:
    """What a model replied to the prompts in their order; None is cut off."""
    columns = schema("generate")
    rows = [
        dict.fromkeys(columns)
        | {"id": f"p{i}", "task": "conversation", "split": "test", "source": model, "style": "plain", "sample": 0}
        | {"text": text or "Well", "finish_reason": "stop" if text else "length"}
        | {"prompt_tokens": 5, "completion_tokens": 10}
        for i, text in enumerate(texts)
    ]
    with writing(folder / f"data/predictions/{model}.parquet", columns) as write:
        write(pl.DataFrame(rows, schema=columns))
