"""Recorded completions find their questions, by id or by text."""

from typing import Any

from stages.prompts.check import Question
from stages.prompts.params import RecordedColumns
from stages.prompts.recorded import join_recorded
from stages.tasks.prompts.wording import Turn

TRAIN = [
    Question(id, [Turn("user", text)], {"question": text}, answer, "")
    for id, text, answer in (("a", "One plus one?", "2"), ("b", "Two plus two?", "4"))
]
BY_TEXT = RecordedColumns(id=None, question="question", completion="completion")
BY_ID = RecordedColumns(id="qid", question=None, completion="completion")


def located(*rows: Any) -> list[tuple[str, Any]]:
    return [(f"line {i}", row) for i, row in enumerate(rows, 1)]


def test_by_text_in_prompt_order_with_the_unmatched_counted() -> None:
    rows = located(
        {"question": "two  PLUS two?", "completion": "B1"},
        {"question": "three?", "completion": "?"},
        {"question": "One plus one?", "completion": "A1"},
        {"question": "Two plus two?", "completion": "B2"},
    )
    joined = join_recorded(rows, BY_TEXT, TRAIN)
    assert joined.completions == [("a", "A1"), ("b", "B1"), ("b", "B2")]
    assert joined.unmatched == ["three?"]
    assert joined.problems == []


def test_by_id() -> None:
    assert join_recorded(located({"qid": "b", "completion": "B1"}), BY_ID, TRAIN).completions == [("b", "B1")]


def test_a_bad_row_is_named() -> None:
    joined = join_recorded(located({"qid": "b"}, "broken JSON"), BY_ID, TRAIN)
    assert joined.problems == [
        "line 1: missing column: completion; the row has ['qid'] (map them under `recorded.columns` in dataset.yaml)",
        "line 2: broken JSON",
    ]
