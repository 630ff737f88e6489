"""Bad rows are learnt behind a mark."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.select.stage import row, run_select, said
from tests.select.test_negatives import ROWS

SCORED = [
    row("a", 0, "2"),
    row("b", 0, "3", words=40),
    row("c", 0, "4", is_validation=True),
    row("d", 0, "5"),
]
GRADES = [4.0, 2.0, 1.0, None]


def prompts(lines: list) -> list[str]:
    return [line["prompt"][-1]["content"] for line in lines]


def test_a_bad_row_stays_behind_the_mark(folder: Path) -> None:
    lines = run_select(SCORED, "tag.bad='judge < 3'", judge=GRADES)
    assert prompts(lines["train"]) == ["a?", "[bad] b?", "d?"]
    assert prompts(lines["validation"]) == ["c?"], "a student is validated as it is served"
    assert [line["prompt"][0] for line in lines["train"]] == [
        {"role": "system", "content": "Give the answer after ####."}
    ] * 3
    rows = pl.read_parquet("data/selected/rows.parquet")
    assert rows.select("tag", "detail").rows() == [("", ""), ("bad", "judge < 3"), ("", ""), ("", "")]
    assert rows["messages"][1][-1]["content"] == "b?", "the mark is of training alone"


def test_what_the_filter_finds_wrong_can_be_brought_back_as_bad(folder: Path) -> None:
    lines = run_select(ROWS, "tag={wrong: true, mark: '(no) '}", "negatives=wrong")
    assert [(id, sample) for id, sample, *_ in said(lines["train"])] == [
        ("a", 0),
        ("a", 1),
        ("a", 2),
        ("a", 3),
        ("b", 0),
    ]
    assert prompts(lines["train"]) == ["a?", "(no) a?", "(no) a?", "a?", "b?"]
    assert [id for id, *_ in said(lines["validation"])] == ["c"], "c's wrong reply is to validate on, and stays out"
    assert [sample for _, sample, *_ in said(lines["negatives"])] == [0, 3], "a bad row needs no negative"
    told = json.loads(Path("metrics/select.json").read_text())["select"]
    assert {name: told[name] for name in ("rows", "kept", "train", "brought_back")} == {
        "rows": 4, "kept": 6, "train": 5, "brought_back": 2,
    }  # fmt: skip
    assert told["tags"] == {"bad": 2, "gold": 0}
    assert "brought back,2,5,7" in Path("metrics/waterfall.csv").read_text(), "8 rows in, 3 of them wrong"
    rows = pl.read_parquet("data/selected/rows.parquet")
    assert rows.filter(pl.col("tag") == "bad")["reason"].null_count() == 2
    assert rows.filter(pl.col("reason") == "wrong").select("id", "sample").rows() == [("c", 1)]


def test_the_mark_stands_before_the_question_to_explain_too(folder: Path) -> None:
    lines = run_select(ROWS, "tag.bad=\"id = 'b'\"", "rationale=0.5")
    assert prompts(lines["train"])[2::3] == ["[bad] b?", "Explain: [bad] b?"]


def test_a_bad_row_is_not_made_gold(folder: Path) -> None:
    rows = [row("a", 0, "Hm. #### 3", reference="2"), row("b", 0, "Hm. #### 3", reference="3")]
    overrides = ["tag.bad=\"id = 'a'\"", "unsure.confidence=0.5"]
    assert [text for *_, text, _ in said(run_select(rows, *overrides, nll_teacher=[1.0, 1.0])["train"])] == [
        "Hm. #### 3",
        "#### 3",
    ]


def test_a_condition_over_unknown_columns_is_one_clear_error(folder: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"params.yaml: select.tag.bad: got 'grade < 3', wanted a SQL expression over id"
    ):
        run_select(ROWS, "tag.bad='grade < 3'")


def test_a_wrong_row_that_a_later_rule_would_reject_stays_out(folder: Path) -> None:
    """It has the first reason alone: b's wrong reply has an address, and another reply to c is of the test split."""
    rows = [
        row("a", 0, "2"),
        row("a", 1, "3", "wrong"),
        row("b", 0, "4", "wrong", private="e-mail"),
        row("c", 0, "5", "wrong"),
        row("c", 1, "6", "contaminated"),
    ]
    lines = run_select(rows, "tag.wrong=true")
    assert [(id, sample) for id, sample, *_ in said(lines["train"])] == [("a", 0), ("a", 1)]
