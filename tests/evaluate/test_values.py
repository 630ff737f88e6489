"""What is told of every single question."""

import json
from types import SimpleNamespace
from typing import Any

from stages.evaluate.__main__ import values


def arm(name: str, *found: float) -> Any:
    return SimpleNamespace(name=name, measured=SimpleNamespace(values=list(found)))


def test_each_arm_is_a_line_so_that_a_change_of_one_is_a_change_of_a_line() -> None:
    text = values([arm("8b plain", 1.0, 0.0), arm("8b cot", 0.12345, 1.0)], ["a", 'b.0,"'])
    assert text == '{\n"questions": ["a", "b.0,\\""],\n"8b plain": [1, 0],\n"8b cot": [0.1235, 1]\n}\n'
    assert json.loads(text)["questions"] == ["a", 'b.0,"']
