"""Every row of a data set is checked, and every problem says where it stands."""

from typing import Any

import pytest

from stages.prompts.check import Question, check_rows, normalised, question_id, share_position
from stages.prompts.params import Dataset


def dataset(**changes: Any) -> Dataset:
    values: dict[str, Any] = {
        "task": "math", "licence": "MIT", "system": "", "hub": None, "splits": {"train": "a", "test": "b"}, "validation_share": 0.1,
        "columns": {"question": "q", "answer": "a", "solution": None, "id": "id"}, "answer_mark": None, "recorded": None,
    }  # fmt: skip
    return Dataset.model_validate(values | changes)


def test_a_good_row() -> None:
    questions, problems = check_rows([("f line 1", {"id": 7, "q": " 1 + 1? ", "a": 2, "extra": 0})], dataset())
    assert questions == [Question("7", "1 + 1?", "2", "")]
    assert problems == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("broken JSON: Expecting value at column 9", "f line 1: broken JSON: Expecting value at column 9"),
        ({"id": 1, "a": "2"}, "f line 1: missing column: question is column 'q'; the row has ['a', 'id'] (map them under `columns` in params.yaml)"),
        ({"id": 1, "q": "  ", "a": "2"}, "f line 1: q: got an empty question"),
        ({"id": 1, "q": None, "a": "2"}, "f line 1: q: got an empty question"),
        ({"id": 1, "q": "x", "a": "two"}, "f line 1: a: got 'two', wanted a number"),
        ({"id": 1, "q": "x", "a": None}, "f line 1: a: got '', wanted a number"),
    ],
)
def test_a_bad_row_is_named_by_its_place(row: Any, problem: str) -> None:
    assert check_rows([("f line 1", row)], dataset()) == ([], [problem])


def test_all_bad_rows_are_found_in_one_go() -> None:
    rows: list[Any] = [("f line 1", {"id": 1, "q": "x", "a": "?"}), ("f line 2", {"id": 2, "q": "y", "a": "2"}), ("f line 3", "broken")]
    questions, problems = check_rows(rows, dataset())
    assert [question.id for question in questions] == ["2"]
    assert len(problems) == 2


def test_a_duplicate_id_names_both_places() -> None:
    rows: list[Any] = [("f line 1", {"id": 1, "q": "x", "a": "1"}), ("f line 9", {"id": 1, "q": "y", "a": "2"})]
    assert check_rows(rows, dataset())[1] == ["f line 9: duplicate id: got '1' again, first at f line 1"]


def test_answer_and_solution_in_one_column_are_parted_at_the_last_mark() -> None:
    row = {"id": 1, "q": "x", "a": "1 #### is not it, 1 + 1 = 2\n#### 2"}
    assert check_rows([("f", row)], dataset(answer_mark="####"))[0] == [Question("1", "x", "2", "1 #### is not it, 1 + 1 = 2")]
    assert check_rows([("f", {"id": 1, "q": "x", "a": "2"})], dataset(answer_mark="####"))[1] == ["f: a: no '####' before the answer"]


def test_without_an_id_column_the_question_names_the_row() -> None:
    columns = dataset().columns.model_copy(update={"id": None})
    assert question_id({}, columns, "1 + 1?") == question_id({"id": 5}, columns, "1 + 1?") != question_id({}, columns, "1 + 2?")


def test_a_position_is_stable_and_even() -> None:
    positions = [share_position(str(i), "validation") for i in range(10_000)]
    assert positions[:3] == [share_position(str(i), "validation") for i in range(3)]
    assert abs(sum(position < 0.05 for position in positions) / 10_000 - 0.05) < 0.01


def test_normalised_folds_case_and_space() -> None:
    assert normalised(" Mia  has\n3 ") == normalised("mia HAS 3")
