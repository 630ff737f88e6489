"""Batches of rows, read: what each reply answers, and what only a library can tell of it. The one loop over rows."""

import hashlib
from collections.abc import Sequence
from typing import Any

import polars as pl

from stages.filter.batches import PLAIN
from stages.filter.chain import ChainFaults, chain_faults
from stages.filter.params import Params
from stages.filter.private import private_data
from stages.filter.reasoning import contradiction
from stages.tasks.answers import TASKS
from stages.tasks.qa.answer import LETTERS, named_choices, named_letters
from stages.tasks.reply import Asked, clause, named

READ = {
    "reasoning": pl.String,  # null where the task has none that could be learnt, or the reply is unreadable
    "answer": pl.String,  # null where the reply is unreadable
    "is_right": pl.Boolean,  # null where no answer could be read, or none is simply right
    "outside": pl.String,  # what an unreadable reply marks as its answer, where that names no label
    "several": pl.String,  # the same, where that names more than one
    "contradiction": pl.String,
    "missing_steps": pl.String,
    "long_summary": pl.String,
    "lost_entities": pl.String,
    "unfaithful": pl.String,
    "private": pl.String,
    "target": pl.String,  # what would be learnt
    "is_free": pl.Boolean,  # the reply as a whole is the answer, in no format that the pipeline asked for
    "random": pl.Float64,  # in [0, 1), the same for a row whatever other rows there are
    "is_validation": pl.Boolean,
}


def read_batch(batch: pl.DataFrame, params: Params) -> pl.DataFrame:
    """The batch with the columns of READ. "Could not be read" is not "wrong"."""
    ended = pl.col("finish_reason") == "stop"
    wanted = ("id", "sample", "style", "text", ended, "task", "reference", "solution", "choices", "question")
    read = from_reference if params.filter.labels == "reference" else from_reply
    rows = [read(*row, params=params) for row in batch.select(wanted).iter_rows()]
    return batch.hstack(pl.DataFrame(rows, schema=READ, orient="row"))


def from_reply(
    id: str, sample: int, style: str, text: str, ended: bool, name: str, reference: str, solution: str, choices: list[str], question: str, *, params: Params
) -> tuple[Any, ...]:
    asked, task = Asked(style, params.completion_format, choices, params.bare_number), TASKS[name]
    is_free = task.is_right is None and style == PLAIN
    reading = task.read(text, asked) if ended else None
    if reading is None:
        outside, several = no_one_label(text, asked, task.LABELS) if ended and task.LABELS else (None, None)
        return None, None, None, outside, several, None, *ChainFaults(), None, None, is_free, *draws(id, sample, params)
    learnt = reading.reasoning if params.filter.target == "reasoning" else ""
    contradicts = contradiction(reading.reasoning, reading.answer, name, asked) if reading.reasoning and params.filter.answer.contradiction else None
    target = task.write(learnt or "", reading.answer, params.answer_format)
    return (
        reading.reasoning,
        reading.answer,
        task.is_right(reading.answer, reference, choices) if task.is_right else None,
        None,
        None,
        contradicts,
        *(chain_faults(text, question, params) if style == "cod" else ChainFaults()),
        private_data(target) if params.filter.private != "none" else None,
        target,
        is_free,
        *draws(id, sample, params),
    )


def from_reference(
    id: str, sample: int, style: str, text: str, ended: bool, name: str, reference: str, solution: str, choices: list[str], question: str, *, params: Params
) -> tuple[Any, ...]:
    """The control: the data set's own answer as the target."""
    task = TASKS[name]
    teaches_reasoning = params.filter.target == "reasoning" and task.is_right is not None
    if teaches_reasoning and not solution:
        raise SystemExit(
            f"filter: prompt {id}: got no worked solution in the data set, wanted one because filter.labels is reference "
            "and filter.target is reasoning; set filter.target: answer in params.yaml, or map columns.solution"
        )
    answer = task.normalise(reference, choices)
    if answer is None:
        raise SystemExit(f"filter: prompt {id}: the reference {reference!r} cannot be learnt; mend the data set, or set filter.labels: teacher")
    reasoning = solution if teaches_reasoning else ""
    target = task.write(reasoning, answer, params.answer_format)
    private = private_data(target) if params.filter.private != "none" else None
    return reasoning, answer, None, None, None, None, *ChainFaults(), private, target, True, *draws(id, sample, params)


def no_one_label(text: str, asked: Asked, labels: Sequence[str]) -> tuple[str | None, str | None]:
    """(what an unreadable reply marks as its answer where it names no label, the same where it names several); both None where it
    marks nothing, or denies one label."""
    marked = named(text, asked)
    words = " ".join(clause(marked[1]).split()) if marked else ""
    if not words:
        return None, None
    if asked.choices:
        by_text = {LETTERS[i] for i in named_choices(words, asked.choices)}
        num_labels = len(by_text | (named_letters(words, asked.choices) & set(LETTERS[: len(asked.choices)])))
    else:
        num_labels = sum(label.casefold() in words.casefold() for label in labels)
    return (words, None) if num_labels == 0 else (None, words) if num_labels > 1 else (None, None)


def draws(id: str, sample: int, params: Params) -> tuple[float, bool]:
    """A row's place in the random order, and whether its prompt is held out: all samples of a prompt fall on one side."""
    return position(f"{params.filter.select.seed}/{id}/{sample}"), position(id) < params.filter.validation_share


def position(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
