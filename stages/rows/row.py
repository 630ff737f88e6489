"""The one row that goes through the graph: a reply, what was asked for it, and all that later stages find out about it.

`COLUMNS` declares it; reading, writing and checking (`parquet.py`) go by that table. A stage writes its own columns and
those of the stages before.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import polars as pl

MESSAGES = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))


class Column(NamedTuple):
    stage: str  # that writes it first
    type: Any
    meaning: str


COLUMNS = {
    "id": Column("generate", pl.String, "of the prompt, unique in its split"),
    "task": Column("generate", pl.String, "math, nli, qa, summarization, conversation"),
    "split": Column("generate", pl.String, "of the prompt: train, validation, test, retention"),
    "source": Column(
        "generate",
        pl.String,
        "who was asked: teacher, base-8b, another role, or the data set that brings replies",
    ),
    "style": Column("generate", pl.String, "how it was asked: plain, cot, cod"),
    "sample": Column("generate", pl.Int64, "which of the replies to the prompt, from 0"),
    "messages": Column("generate", MESSAGES, "the plain prompt, which a student is asked"),
    "question": Column("generate", pl.String, "what the user says in it"),
    "instruction": Column("generate", pl.String, "what the system says, in all styles together"),
    "choices": Column("generate", pl.List(pl.String), "of a question that has some"),
    "reference": Column("generate", pl.String, "the data set's own answer"),
    "solution": Column("generate", pl.String, "the data set's own worked solution, else empty"),
    "text": Column("generate", pl.String, "the reply, raw"),
    "reasoning": Column(
        "generate", pl.String, "what a reasoning model thought before it, where the server gives that apart"
    ),
    "finish_reason": Column("generate", pl.String, "stop, length (cut off), content_filter (withheld), unanswered"),
    "error": Column("generate", pl.String, "why it is unanswered, else empty"),
    "prompt_tokens": Column("generate", pl.Int64, "as the engine counts, 0 where it does not"),
    "completion_tokens": Column("generate", pl.Int64, "the same of the reply"),
    "answer": Column("filter", pl.String, "read from the reply; null: unreadable"),
    "is_right": Column("filter", pl.Boolean, "equals the reference; null: unreadable, or nothing is simply right"),
    "target": Column("filter", pl.String, "what would be learnt; null: nothing"),
    "short": Column("filter", pl.String, "the target without its reasoning; null: it has none"),
    "words": Column("filter", pl.Int64, "of the target"),
    "characters": Column("filter", pl.Int64, "of the target"),
    "votes": Column("filter", pl.Int64, "readable replies to the prompt; null where answers cannot be compared"),
    "agreement": Column("filter", pl.Float64, "share of the votes for this row's answer"),
    "majority": Column("filter", pl.String, "the answer with most votes, of equals the first"),
    "cluster": Column("filter", pl.Int64, "rows that are copies of this one, itself included"),
    "private": Column("filter", pl.String, "personal data in the target; null: none, or not looked for"),
    "is_validation": Column("filter", pl.Boolean, "held out to validate on: all rows of a prompt, or none"),
    "reason": Column("filter", pl.String, "the first rule that rejects the row; null: kept"),
    "detail": Column("filter", pl.String, "that in words"),
    "evidence": Column(
        "filter",
        pl.String,
        "the text that shows it, or the id of the row that it copies; empty where the words say it all",
    ),
    "weight": Column("select", pl.Float64, "of the row in the loss"),
    "tag": Column("select", pl.String, "bad: learnt behind a mark; gold: the target is the reference; else empty"),
    "negative": Column("select", pl.String, "a reply to the same prompt that should not be learnt; null: none"),
}
STAGES = ("generate", "filter", "select")
KEY = ("id", "style", "sample")  # of a row within its split
SCORE = "s_"  # how the names of columns begin that `score` writes: numbers, as many as params.yaml asks for


def schema(stage: str, scores: Sequence[str] = ()) -> pl.Schema:
    """The columns of a stage's file: its own and those of the stages before; `scores` stand before those of select."""
    upto = STAGES[: STAGES.index(stage) + 1]
    names = [name for name, column in COLUMNS.items() if column.stage in upto]
    before = [name for name in names if COLUMNS[name].stage != "select"]
    return pl.Schema({name: type_of(name) for name in (*before, *scores, *names[len(before) :])})


def score_schema(names: Sequence[str]) -> pl.Schema:
    """The columns of a file of scores, `s_<name>` for each, and those that say of which row."""
    return pl.Schema({name: type_of(name) for name in (*KEY, *(f"{SCORE}{name}" for name in names))})


def type_of(column: str) -> Any:
    return pl.Float64 if column.startswith(SCORE) else COLUMNS[column].type


class Turn(Protocol):
    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


class Asked(Protocol):
    """A prompt, as stages/rows/prompt.py has it."""

    @property
    def id(self) -> str: ...

    @property
    def task(self) -> str: ...

    @property
    def reference(self) -> str: ...

    @property
    def solution(self) -> str: ...

    @property
    def choices(self) -> list[str]: ...

    @property
    def messages(self) -> Mapping[str, Sequence[Turn]]: ...


class Replied(Protocol):
    """A reply, as an engine gives it."""

    @property
    def text(self) -> str: ...

    @property
    def reasoning(self) -> str: ...

    @property
    def finish_reason(self) -> str: ...

    @property
    def error(self) -> str: ...

    @property
    def prompt_tokens(self) -> int: ...

    @property
    def completion_tokens(self) -> int: ...


def to_row(prompt: Asked, split: str, source: str, style: str, sample: int, reply: Replied) -> dict[str, Any]:
    """The columns that `generate` and `predict` write."""
    plain = prompt.messages["plain"]
    systems = [turn.content for turns in prompt.messages.values() for turn in turns if turn.role == "system"]
    return {
        "id": prompt.id,
        "task": prompt.task,
        "split": split,
        "source": source,
        "style": style,
        "sample": sample,
        "messages": [{"role": turn.role, "content": turn.content} for turn in plain],
        "question": "\n".join(turn.content for turn in plain if turn.role != "system"),
        "instruction": "\n".join(systems),
        "choices": prompt.choices,
        "reference": prompt.reference,
        "solution": prompt.solution,
        "text": reply.text,
        "reasoning": reply.reasoning,
        "finish_reason": reply.finish_reason,
        "error": reply.error,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
    }
