"""Completions that a data set brings along, joined to its train questions."""

from collections.abc import Iterable
from typing import NamedTuple

from stages.prompts.check import Question, normalised
from stages.prompts.params import RecordedColumns
from stages.prompts.source import Located


class Joined(NamedTuple):
    completions: list[tuple[str, str]]  # (prompt id, text), in prompt order
    unmatched: list[str]  # keys of the recorded rows whose question is not in train
    problems: list[str]


def join_recorded(rows: Iterable[Located], columns: RecordedColumns, train: list[Question]) -> Joined:
    """By question id where the columns name one, else by the question's text."""
    by_name = {key_of(q, columns): q.id for q in train}
    position = {q.id: i for i, q in enumerate(train)}
    column = columns.id or columns.question or ""
    completions: list[tuple[str, str]] = []
    problems: list[str] = []
    unmatched: list[str] = []
    for place, row in rows:
        if isinstance(row, str):
            problems.append(f"{place}: {row}")
            continue
        missing = [name for name in (column, columns.completion) if name not in row]
        if missing:
            problems.append(
                f"{place}: missing column: {', '.join(missing)}; the row has {sorted(row)} (map them under "
                f"`recorded.columns` in dataset.yaml)"
            )
            continue
        key = str(row[column]) if columns.id else normalised(str(row[column]))
        if key in by_name:
            completions.append((by_name[key], str(row[columns.completion])))
        else:
            unmatched.append(key)
    completions.sort(key=lambda c: position[c[0]])
    return Joined(completions, unmatched, problems)


def key_of(question: Question, columns: RecordedColumns) -> str:
    """Its id, or its text as the prompt has it, so with its choices; case and white space aside."""
    return question.id if columns.id else normalised(question.text)
