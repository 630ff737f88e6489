"""The shipped rows of the other tasks are right, and apart from each other."""

import json
import re
from typing import Any

import pytest

from data.laptop.families import FAMILIES, PLACES, asked
from data.laptop.families import Row as Drawn
from tests.architecture.closure import ROOT

SPLITS = ("train", "validation", "test")


def rows(task: str, split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOT / f"data/sets/laptop-{task}/rows/{split}.jsonl").open()]


@pytest.mark.parametrize("task", FAMILIES)
def test_no_row_stands_twice(task: str) -> None:
    every = [
        Drawn({name: value for name, value in row.items() if name != "id"}, "", None)
        for split in SPLITS
        for row in rows(task, split)
    ]
    assert len({asked(row) for row in every}) == len(every)


@pytest.mark.parametrize("split", SPLITS)
def test_every_inference_holds(split: str) -> None:
    for row in rows("nli", split):
        facts = {
            (name, thing): int(count) for name, count, thing in re.findall(r"(\w+) has (\d+) (\w+)\.", row["premise"])
        }
        name, compared, number, thing = re.fullmatch(
            r"(\w+) has (more than |fewer than )?(\d+) (\w+)\.", row["hypothesis"]
        ).groups()  # pyright: ignore[reportOptionalMemberAccess]
        count = facts.get((name, thing))
        if count is None:
            assert row["answer"] == "neutral"
        else:
            holds = {"more than ": count > int(number), "fewer than ": count < int(number), None: count == int(number)}[
                compared
            ]
            assert row["answer"] == ("entailment" if holds else "contradiction")


@pytest.mark.parametrize("split", SPLITS)
def test_the_lettered_choice_is_the_place(split: str) -> None:
    places = dict(PLACES)
    for row in rows("qa", split):
        (action,) = [word for word in re.findall(r"\w+", row["question"]) if word in places]
        assert row["choices"]["ABC".index(row["answer"])] == places[action]


@pytest.mark.parametrize("split", SPLITS)
def test_a_summary_names_what_the_article_names(split: str) -> None:
    for row in rows("summarization", split):
        words = set(re.findall(r"[A-Z]\w+|\d+", row["answer"]))
        assert words <= set(re.findall(r"[A-Z]\w+|\d+", row["article"]))
        assert len(words) == 6, "two people, another, a city, a day and a number"


@pytest.mark.parametrize("split", SPLITS)
def test_the_last_turn_is_told_in_the_history(split: str) -> None:
    for row in rows("conversation", split):
        *history, reply = [turn["content"] for turn in row["messages"]]
        (told,) = set(re.findall(r"Your name is (\w+)|You live in (\w+)|You like (\w+)", reply)[0]) - {""}
        assert any(told in turn for turn in history[:-1])


def test_the_guard_set_is_of_validation_rows() -> None:
    guard = [json.loads(line) for line in (ROOT / "data/retention/laptop.jsonl").open()]
    assert {task: sum(row["task"] == task for row in guard) for task in ("math", "nli", "qa")} == {
        "math": 100,
        "nli": 100,
        "qa": 100,
    }
    assert all("-validation-" in row["id"] for row in guard)
