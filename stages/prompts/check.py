"""Rows of a data set -> questions: columns mapped, every row checked, every problem worded."""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from stages.prompts.params import Columns, Dataset
from stages.prompts.source import Located
from stages.tasks.prompts import REFERENCE_PROBLEMS


class Question(NamedTuple):
    id: str
    text: str
    reference: str
    solution: str


def check_rows(rows: Iterable[Located], dataset: Dataset) -> tuple[list[Question], list[str]]:
    """The good rows as questions, and what is wrong with the others, one line each."""
    questions: list[Question] = []
    problems: list[str] = []
    places: dict[str, str] = {}
    for place, row in rows:
        question = row if isinstance(row, str) else to_question(row, dataset)
        if isinstance(question, str):
            problems.append(f"{place}: {question}")
        elif question.id in places:
            what = "id" if dataset.columns.id else "question"
            problems.append(f"{place}: duplicate {what}: got {question.id!r} again, first at {places[question.id]}")
        else:
            places[question.id] = place
            questions.append(question)
    return questions, problems


def to_question(row: dict[str, Any], dataset: Dataset) -> Question | str:
    """The row as a question, or what is wrong with it."""
    columns = dataset.columns
    missing = [f"{field} is column {name!r}" for field, name in columns if name is not None and name not in row]
    if missing:
        return f"missing column: {'; '.join(missing)}; the row has {sorted(row)} (map them under `columns` in params.yaml)"
    text, answer = str(row[columns.question] or "").strip(), str("" if row[columns.answer] is None else row[columns.answer]).strip()
    solution = str(row[columns.solution] or "").strip() if columns.solution else ""
    if not text:
        return f"{columns.question}: got an empty question"
    if dataset.answer_mark is not None:
        before, mark, answer = answer.rpartition(dataset.answer_mark)
        if not mark:
            return f"{columns.answer}: no {dataset.answer_mark!r} before the answer"
        solution, answer = solution or before.strip(), answer.strip()
    problem = REFERENCE_PROBLEMS[dataset.task](answer)
    if problem:
        return f"{columns.answer}: {problem}"
    return Question(question_id(row, columns, text), text, answer, solution)


def question_id(row: dict[str, Any], columns: Columns, text: str) -> str:
    """The data set's own id, else a hash of the question, which outlives reordering and growth."""
    return str(row[columns.id]) if columns.id else hashlib.sha256(text.encode()).hexdigest()[:16]


def share_position(id: str, salt: str) -> float:
    """Where an id falls in [0, 1), the same whatever other ids there are: splits stay as data grows."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{id}".encode()).digest()[:8], "big") / 2**64


def normalised(text: str) -> str:
    return " ".join(text.casefold().split())
