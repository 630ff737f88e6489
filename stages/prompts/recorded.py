"""Completions that a data set brings along, joined to its train questions."""

from collections.abc import Iterable
from typing import NamedTuple

from stages.prompts.check import Question, normalised
from stages.prompts.params import RecordedColumns
from stages.prompts.source import Located


class Joined(NamedTuple):
    completions: list[tuple[str, str]]  # (prompt id, text), in prompt order
    num_unmatched: int  # recorded rows whose question is not in train
    problems: list[str]


def join_recorded(rows: Iterable[Located], columns: RecordedColumns, train: list[Question]) -> Joined:
    """By question id where the columns name one, else by the question's text."""
    by_name = {q.id if columns.id else normalised(q.text): q.id for q in train}
    position = {q.id: i for i, q in enumerate(train)}
    column = columns.id or columns.question or ""
    completions: list[tuple[str, str]] = []
    problems: list[str] = []
    num_rows = 0
    for place, row in rows:
        if isinstance(row, str):
            problems.append(f"{place}: {row}")
            continue
        missing = [name for name in (column, columns.completion) if name not in row]
        if missing:
            problems.append(f"{place}: missing column: {', '.join(missing)}; the row has {sorted(row)} (map them under `recorded.columns` in params.yaml)")
            continue
        num_rows += 1
        id = by_name.get(str(row[column]) if columns.id else normalised(str(row[column])))
        if id is not None:
            completions.append((id, str(row[columns.completion])))
    completions.sort(key=lambda c: position[c[0]])
    return Joined(completions, num_rows - len(completions), problems)
