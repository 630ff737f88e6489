"""Batches of rows, read: what each reply answers, and what only a library can tell of it. The one loop over rows."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from stages.filter.chain_of_density import chain_faults
from stages.filter.params import Params
from stages.filter.private import private_data
from stages.filter.reasoning import contradiction
from stages.rows.prompt import PLAIN
from stages.statistics.rows import position
from stages.tasks.answers.qa import LETTERS, named_choices, named_letters
from stages.tasks.answers.reply import Asked, clause, named
from stages.tasks.answers.table import TASKS


class Read(NamedTuple):
    """What is read of a row; None where it does not apply."""

    reasoning: str | None = None  # none that could be learnt, or the reply is unreadable
    answer: str | None = None  # the reply is unreadable
    is_right: bool | None = None  # no answer could be read, or none is simply right
    outside: str | None = None  # what an unreadable reply marks as its answer, where that names no label
    several: str | None = None  # the same, where that names more than one
    contradiction: str | None = None
    missing_steps: str | None = None
    long_summary: str | None = None
    lost_entities: str | None = None
    unfaithful: str | None = None
    private: str | None = None
    target: str | None = None  # what would be learnt
    short: str | None = None  # that without its reasoning, where it has some
    is_free: bool | None = None  # the reply as a whole is the answer, in no format that the pipeline asked for
    is_validation: bool | None = None


TYPES = {str | None: pl.String, bool | None: pl.Boolean}
READ = {name: TYPES[hint] for name, hint in Read.__annotations__.items()}


class Row(NamedTuple):
    """What a reading needs of a batch's row; `ended`: the reply came to its own end."""

    id: str
    sample: int
    style: str
    text: str
    thoughts: str
    ended: bool
    task: str
    reference: str
    solution: str
    choices: list[str]
    question: str


def read_batch(batch: pl.DataFrame, params: Params) -> pl.DataFrame:
    """The batch with the columns of READ. "Could not be read" is not "wrong"."""
    wanted = batch.with_columns(ended=pl.col("finish_reason") == "stop").select(Row._fields)
    read = from_reference if params.filter.labels == "reference" else from_reply
    rows = [read(Row(*row), params) for row in wanted.iter_rows()]
    return batch.hstack(pl.DataFrame(rows, schema=READ, orient="row"))


def from_reply(row: Row, params: Params) -> Read:
    asked, task = Asked(row.style, params.completion_format, row.choices, params.bare_number), TASKS[row.task]
    found = Read(is_free=task.is_right is None and row.style == PLAIN, is_validation=held_out(row.id, params))
    reading = task.read(row.text, asked) if row.ended else None
    if reading is None:
        outside, several = no_one_label(row.text, asked, task.LABELS) if row.ended and task.LABELS else (None, None)
        return found._replace(outside=outside, several=several)
    reasoning, answer = row.thoughts.strip() if reading.reasoning == "" else reading.reasoning, reading.answer
    target = task.write(reasoning or "" if params.filter.target == "reasoning" else "", answer, params.answer_format)
    return found._replace(
        reasoning=reasoning,
        answer=answer,
        is_right=task.is_right(answer, row.reference, row.choices) if task.is_right else None,
        contradiction=contradiction(reasoning, answer, row.task, asked)
        if reasoning and params.filter.answer.contradiction
        else None,
        **(chain_faults(row.text, row.question, params)._asdict() if row.style == "cod" else {}),
        private=private_data(target) if params.filter.private != "none" else None,
        target=target,
        short=task.write("", answer, params.answer_format) if reasoning else None,
    )


def from_reference(row: Row, params: Params) -> Read:
    """The control: the data set's own answer as the target."""
    task = TASKS[row.task]
    teaches_reasoning = params.filter.target == "reasoning" and task.is_right is not None
    if teaches_reasoning and not row.solution:
        raise SystemExit(
            f"filter: prompt {row.id}: got no worked solution in the data set, wanted one because filter.labels is "
            f"reference "
            "and filter.target is reasoning; set filter.target: answer in params.yaml, or map columns.solution"
        )
    answer = task.normalise(row.reference, row.choices)
    if answer is None:
        raise SystemExit(
            f"filter: prompt {row.id}: the reference {row.reference!r} cannot be learnt; mend the data set, or set "
            f"filter.labels: teacher"
        )
    reasoning = row.solution if teaches_reasoning else ""
    target = task.write(reasoning, answer, params.answer_format)
    private = private_data(target) if params.filter.private != "none" else None
    is_validation = held_out(row.id, params)
    return Read(
        reasoning=reasoning,
        answer=answer,
        private=private,
        target=target,
        short=task.write("", answer, params.answer_format) if reasoning else None,
        is_free=True,
        is_validation=is_validation,
    )


def no_one_label(text: str, asked: Asked, labels: Sequence[str]) -> tuple[str | None, str | None]:
    """(what an unreadable reply marks as its answer where it names no label, the same where it names several); both
    None where it
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


def held_out(id: str, params: Params) -> bool:
    """Whether a prompt is validated on: all samples of it fall on one side."""
    return position(id) < params.filter.validation_share
