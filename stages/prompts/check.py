"""Rows of a data set -> questions: columns mapped, every row checked, every problem worded."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from stages.prompts.params import Dataset
from stages.prompts.source import Located
from stages.tasks.prompts.table import TASKS, PromptTemplate
from stages.tasks.prompts.wording import Turn

ABSENT = object()


class Question(NamedTuple):
    id: str
    turns: list[Turn]  # up to the one that is asked for
    fields: dict[str, Any]  # what the task's prompt template names, by its names
    reference: str
    solution: str

    @property
    def text(self) -> str:
        return "\n".join(turn.content for turn in self.turns)


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
            what = "id" if dataset.columns.get("id") else "question"
            problems.append(f"{place}: duplicate {what}: got {question.id!r} again, first at {places[question.id]}")
        else:
            places[question.id] = place
            questions.append(question)
    return questions, problems


def unknown_columns(dataset: Dataset) -> str | None:
    """What is wrong with the data set's mapping itself, or None."""
    needed = set(TASKS[dataset.task].FIELDS)
    allowed = needed | {"answer", "solution", "id"}
    given = {field for field, column in dataset.columns.items() if column is not None}
    if needed <= given and set(dataset.columns) <= allowed:
        return None
    return (
        f"got columns for {', '.join(sorted(dataset.columns))}; task {dataset.task} needs "
        f"{', '.join(sorted(needed))} and knows answer, solution and id besides"
    )


def to_question(row: dict[str, Any], dataset: Dataset) -> Question | str:
    """The row as a question, or what is wrong with it."""
    columns, task = dataset.columns, TASKS[dataset.task]
    values = {field: find(row, column) for field, column in columns.items() if column is not None}
    missing = [f"{field} is column {columns[field]!r}" for field, value in values.items() if value is ABSENT]
    if missing:
        return (
            f"missing column: {'; '.join(missing)}; the row has {sorted(row)} (map them under `columns` in "
            f"dataset.yaml)"
        )
    fields = {field: tidy(values[field]) for field in task.FIELDS}
    empty = [str(columns[field]) for field, value in fields.items() if not value]
    if empty:
        return f"{', '.join(empty)}: got an empty question"
    answer, solution = text(values.get("answer")), text(values.get("solution"))
    if dataset.answer_mark is not None:
        before, mark, answer = answer.rpartition(dataset.answer_mark)
        if not mark:
            return f"{columns['answer']}: no {dataset.answer_mark!r} before the answer"
        solution, answer = solution or before.strip(), answer.strip()
    try:
        turns = task.turns(fields)
    except ValueError as error:
        return f"{', '.join(str(columns[field]) for field in task.FIELDS)}: {error}"
    if turns[-1].role == "assistant":
        turns, answer = turns[:-1], turns[-1].content
    return checked(task, row, dataset, Question("", turns, fields, answer, solution))


def checked(task: PromptTemplate, row: dict[str, Any], dataset: Dataset, question: Question) -> Question | str:
    column = dataset.columns.get("id")
    problem = task.reference_problem(question.reference, question.fields)
    if problem:
        return f"{dataset.columns.get('answer')}: {problem}"
    return question._replace(
        id=text(find(row, column)) if column else hashlib.sha256(question.text.encode()).hexdigest()[:16]
    )


def find(row: Any, column: str | list[str]) -> Any:
    """The value at a column's path: "a.b" is b within a, or of every item where a is a list. Of several paths the first
    that is there."""
    if isinstance(column, list):
        return next((value for path in column if (value := find(row, path)) is not ABSENT), ABSENT)
    for key in column.split("."):
        if isinstance(row, list):
            row = [item[key] if isinstance(item, dict) and key in item else ABSENT for item in row]
        else:
            row = row[key] if isinstance(row, dict) and key in row else ABSENT
        if row is ABSENT or (isinstance(row, list) and ABSENT in row):
            return ABSENT
    return row


def tidy(value: Any) -> Any:
    """Without white space around it; what is no list is text. Choices that bring their letters along ("A)21") lose
    them."""
    if not isinstance(value, list):
        return text(value)
    items = [text(item) if isinstance(item, str) else item for item in value]
    lettered = [
        re.fullmatch(rf"\(?{chr(ord('A') + i)}[).:]\s*(.*)", item, re.DOTALL) if isinstance(item, str) else None
        for i, item in enumerate(items)
    ]
    return [match[1] for match in lettered if match] if all(lettered) else items


def text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def share_position(id: str, salt: str) -> float:
    """Where an id falls in [0, 1), the same whatever other ids there are: splits stay as data grows."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{id}".encode()).digest()[:8], "big") / 2**64


def normalised(text: str) -> str:
    return " ".join(text.casefold().split())
