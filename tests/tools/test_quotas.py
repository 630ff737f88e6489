"""Quotas of the next round, from a student's replies to the validation split."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from stages.rows.parquet import write_rows
from stages.rows.prompt import Message, Prompt, write_prompts
from stages.rows.row import schema
from tests.select.stage import row
from tests.settings import copy_settings
from tools import quotas


def selected(id: str, question: str, topic: float | None, reason: str | None = None, **found: Any) -> dict[str, Any]:
    blank = {"weight": 1.0, "tag": "", "negative": None}
    return row(id, 0, "1", reason, question=question, **found) | blank | {"s_topic": topic}


# three of topic 0 and one of topic 1 came to select; a wrong row has no topic, one is held out
ROWS = [
    selected("a", "How many red apples are there?", 0.0),
    selected("b", "How many green apples are left?", 0.0, "not_selected"),
    selected("c", "How many apples did Ann eat?", 0.0),
    selected("d", "When does the train to Rome leave?", 1.0),
    selected("e", "How many apples?", None, "wrong"),
    selected("f", "When does the bus leave?", 1.0, is_validation=True),
]
ASKED = {
    "v1": ("How many apples are ripe?", "3", "So #### 3"),
    "v2": ("How many apples did Bob eat?", "3", "So #### 4"),
    "v3": ("When does the train to Oslo leave?", "9", "So #### 8"),
    "v4": ("How many apples are red?", "3", "So #### 3"),
    "v5": ("How many apples are left?", "3", "So #### 3"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    copy_settings(tmp_path, "predict.split=validation", "select.budget.domain=topic")
    write_rows(tmp_path / "data/selected/rows.parquet", ROWS, schema("select", ["s_topic"]))
    write_prompts(tmp_path / "data/prompts/validation.jsonl", [prompt(id, *asked) for id, asked in ASKED.items()])
    replies = [
        row(id, 0, "", text=text, split="validation", style="plain", finish_reason="stop")
        for id, (_, _, text) in ASKED.items()
    ]
    generated = schema("generate")
    replies = [{name: reply[name] for name in generated} for reply in replies]
    write_rows(tmp_path / "data/predictions/8b.parquet", replies, generated)
    return tmp_path


def prompt(id: str, question: str, reference: str, _: str) -> Prompt:
    messages = {"plain": [Message(role="system", content="Solve."), Message(role="user", content=question)]}
    return Prompt(id=id, task="math", reference=reference, solution="", choices=[], messages=messages, schemas={})


def test_a_domain_gets_more_the_more_of_its_questions_are_lost(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Topic 0 has 3/4 of the rows and loses 1 of 4 questions, topic 1 has 1/4 and loses its one: 3/16 against 1/4."""
    quotas.main(["8b"])
    first, second, command = capsys.readouterr().out.splitlines()
    assert first == "0: 0.250 of 4 questions lost, quota 0.7500 -> 0.4286"
    assert second == "1: 1.000 of 1 questions lost, quota 0.2500 -> 0.5714"
    assert command == (
        "dvc exp run -S select.budget.split=none -S ++select.budget.quotas.0=0.4285 -S ++select.budget.quotas.1=0.5714"
    )
    apply_overrides("params.yaml", list(command.split(" -S ")[1:]))
    capsys.readouterr()
    quotas.main(["8b"])
    assert capsys.readouterr().out.splitlines()[1] == "1: 1.000 of 1 questions lost, quota 0.5714 -> 0.8420", (
        "the second round goes on from the first: 0.9999 * 0.5714 / (0.5714 + 0.4285 / 4)"
    )


def test_each_quota_is_multiplied_by_its_gap_and_none_is_lost_for_good() -> None:
    after = quotas.reweighted({"a": 0.5, "b": 0.3, "c": 0.2}, {"a": [0.0, 0.0], "b": [1.0, 0.0]})
    # a has the floor 0.01, b 0.5, c no question and so their mean, 0.255
    whole = 0.5 * 0.01 + 0.3 * 0.5 + 0.2 * 0.255
    assert after == pytest.approx({"a": 0.005 / whole, "b": 0.15 / whole, "c": 0.051 / whole})
    assert quotas.reweighted({"a": 0.5, "b": 0.5}, {"a": [-1.0], "b": [-2.0]}) == {"a": 0.5, "b": 0.5}, (
        "a reply better than gold costs nothing"
    )


def test_quotas_are_not_chosen_on_the_test_split(folder: Path) -> None:
    apply_overrides("params.yaml", ["predict.split=test"])
    with pytest.raises(
        SystemExit, match=r"predict.split: got test, wanted validation, because quotas are chosen by it"
    ):
        quotas.main(["8b"])
