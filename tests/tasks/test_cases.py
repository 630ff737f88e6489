"""Odd replies, a line each in tests/tasks/<task>.jsonl: what must be read from it, and why."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.tasks.answers.reply import Asked
from stages.tasks.answers.table import TASKS

FOLDER = Path(__file__).parent
FILES = {task: FOLDER / f"{task}.jsonl" for task in TASKS}
CASES = [
    (task, number, json.loads(line))
    for task, file in FILES.items()
    if file.exists()
    for number, line in enumerate(file.open(encoding="utf-8"), 1)
]


@pytest.mark.parametrize(("task", "number", "case"), CASES, ids=[f"{task}-{number}" for task, number, _ in CASES])
def test_case(task: str, number: int, case: dict[str, Any]) -> None:
    asked = Asked(case.get("style", "cot"), case["format"], case.get("choices", []), case.get("bare_number", False))
    reading = TASKS[task].read(case["reply"], asked)
    assert (reading.answer if reading else None) == case["answer"], case["why"]


@pytest.mark.parametrize("task", TASKS)
def test_there_are_at_least_sixty_cases_and_no_reply_twice(task: str) -> None:
    cases = [case for name, _, case in CASES if name == task]
    assert len(cases) >= 60, f"tests/tasks/{task}.jsonl has {len(cases)} lines"
    seen = [
        json.dumps({key: value for key, value in case.items() if key not in ("why", "answer")}, sort_keys=True)
        for case in cases
    ]
    assert len(set(seen)) == len(seen)
