"""The shipped problems are right, apart from each other, and what their parameters draw."""

import json
import random
import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from data.laptop.problems import draw
from tests.architecture.closure import ROOT

FAMILY = YAML(typ="safe").load(ROOT / "data/laptop/params.yaml")["problems"]


def rows(split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOT / f"data/laptop/problems/{split}.jsonl").open()]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_equation_of_every_solution_holds_and_leads_to_the_answer(split: str) -> None:
    for row in rows(split):
        equations = re.findall(r"(\d+) ([+-]) (\d+) = (\d+)\.", row["solution"])
        assert len(equations) == row["num_steps"]
        value = int(re.findall(r"\d+", row["question"])[0])
        for left, sign, right, result in equations:
            assert int(left) == value, "each step starts where the last one ended"
            value = value + int(right) if sign == "+" else value - int(right)
            assert int(result) == value
            assert 0 <= value <= FAMILY["max_number"]
        assert row["answer"] == str(value)


def test_no_question_is_in_two_splits() -> None:
    questions = [row["question"] for split in FAMILY["count"] for row in rows(split)]
    assert len(set(questions)) == len(questions) == sum(FAMILY["count"].values())


def test_the_shipped_rows_are_what_the_parameters_draw() -> None:
    rng, taken = random.Random(FAMILY["seed"]), set[str]()
    for split, count in FAMILY["count"].items():
        drawn = draw(rng, count, taken, FAMILY["step_weights"], FAMILY["max_number"], FAMILY["max_change"])
        assert [problem.question for problem in drawn] == [row["question"] for row in rows(split)]


def test_the_laptop_world_is_at_most_8_mb() -> None:
    files = [
        path
        for path in (ROOT / "data/laptop").rglob("*")
        if path.is_file() and ".dvc/" not in path.as_posix() and "__pycache__" not in path.parts
    ]
    assert sum(path.stat().st_size for path in files) <= 8_000_000
