"""Every row of a data set is checked, and every problem says where it stands."""

from typing import Any

import pytest

from stages.prompts.check import Question, check_rows, find, normalised, share_position, tidy, unknown_columns
from stages.prompts.params import Dataset
from stages.tasks.prompts.wording import Turn


def dataset(**changes: Any) -> Dataset:
    values: dict[str, Any] = {
        "task": "math", "licence": "MIT", "system": "", "hub": None, "files": {"train": "a", "test": "b"}, "validation_share": 0.1,
        "test_share": 0.0, "bad_rows": "stop",
        "columns": {"question": "q", "answer": "a", "solution": None, "id": "id"}, "answer_mark": None, "recorded": None,
    }  # fmt: skip
    return Dataset.model_validate(values | changes)


def question(id: str, text: str, reference: str, solution: str = "") -> Question:
    return Question(id, [Turn("user", text)], {"question": text}, reference, solution)


def test_a_good_row() -> None:
    questions, problems = check_rows([("f line 1", {"id": 7, "q": " 1 + 1? ", "a": 2, "extra": 0})], dataset())
    assert questions == [question("7", "1 + 1?", "2")]
    assert problems == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("broken JSON: Expecting value at column 9", "f line 1: broken JSON: Expecting value at column 9"),
        (
            {"id": 1, "a": "2"},
            "f line 1: missing column: question is column 'q'; the row has ['a', 'id'] (map them under `columns` in "
            "dataset.yaml)",
        ),
        ({"id": 1, "q": "  ", "a": "2"}, "f line 1: q: got an empty question"),
        ({"id": 1, "q": None, "a": "2"}, "f line 1: q: got an empty question"),
        ({"id": 1, "q": "x", "a": "two"}, "f line 1: a: got 'two', wanted a number"),
        ({"id": 1, "q": "x", "a": None}, "f line 1: a: got '', wanted a number"),
    ],
)
def test_a_bad_row_is_named_by_its_place(row: Any, problem: str) -> None:
    assert check_rows([("f line 1", row)], dataset()) == ([], [problem])


def test_all_bad_rows_are_found_in_one_go() -> None:
    rows: list[Any] = [
        ("f line 1", {"id": 1, "q": "x", "a": "?"}),
        ("f line 2", {"id": 2, "q": "y", "a": "2"}),
        ("f line 3", "broken"),
    ]
    questions, problems = check_rows(rows, dataset())
    assert [question.id for question in questions] == ["2"]
    assert len(problems) == 2


def test_a_duplicate_id_names_both_places() -> None:
    rows: list[Any] = [("f line 1", {"id": 1, "q": "x", "a": "1"}), ("f line 9", {"id": 1, "q": "y", "a": "2"})]
    assert check_rows(rows, dataset())[1] == ["f line 9: duplicate id: got '1' again, first at f line 1"]


def test_answer_and_solution_in_one_column_are_parted_at_the_last_mark() -> None:
    row = {"id": 1, "q": "x", "a": "1 #### is not it, 1 + 1 = 2\n#### 2"}
    assert check_rows([("f", row)], dataset(answer_mark="####"))[0] == [
        question("1", "x", "2", "1 #### is not it, 1 + 1 = 2")
    ]
    assert check_rows([("f", {"id": 1, "q": "x", "a": "2"})], dataset(answer_mark="####"))[1] == [
        "f: a: no '####' before the answer"
    ]


def test_without_an_id_column_the_question_names_the_row() -> None:
    columns = dataset().columns | {"id": None}
    rows: list[Any] = [
        ("f 1", {"q": "1 + 1?", "a": 2}),
        ("f 2", {"id": 5, "q": "1 + 1?", "a": 2}),
        ("f 3", {"q": "1 + 2?", "a": 3}),
    ]
    questions, problems = check_rows(rows, dataset(columns=columns))
    assert [q.text for q in questions] == ["1 + 1?", "1 + 2?"]
    assert problems == [f"f 2: duplicate question: got {questions[0].id!r} again, first at f 1"]


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        ({"a": {"b": "x"}}, "a.b", "x"),
        ({"a": {"b": [{"c": "x"}, {"c": "y"}]}}, "a.b.c", ["x", "y"]),
        ({"a": {"c": ["x", "y"]}}, "a.c", ["x", "y"]),
        ({"a": "x"}, ["a.b", "a"], "x"),
        ({"a": {"b": "x"}}, ["a.b", "a"], "x"),
    ],
)
def test_a_column_may_be_a_path_or_several(row: dict[str, Any], column: Any, value: Any) -> None:
    assert find(row, column) == value


def test_choices_lose_the_letters_they_bring_along() -> None:
    assert tidy(["A)21", "B) 21.5", "C) A)"]) == ["21", "21.5", "A)"]
    assert tidy(["A) 21", "22"]) == ["A) 21", "22"]
    assert tidy(["bank", "A. b"]) == ["bank", "A. b"]


def test_columns_must_be_the_tasks_own() -> None:
    assert unknown_columns(dataset()) is None
    problem = (
        "got columns for answer, id, question, solution; task nli needs hypothesis, premise and knows answer, "
        "solution and id besides"
    )
    assert unknown_columns(dataset(task="nli")) == problem


def test_an_assistants_turn_at_the_end_is_the_reference() -> None:
    turns = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    row = {"messages": [{"role": role, "content": content} for role, content in turns]}
    (found,), _ = check_rows([("f", row)], dataset(task="conversation", columns={"messages": "messages", "id": None}))
    assert (found.turns, found.reference) == (turns[:3], "d")


def test_a_position_is_stable_and_even() -> None:
    positions = [share_position(str(i), "validation") for i in range(10_000)]
    assert positions[:3] == [share_position(str(i), "validation") for i in range(3)]
    assert abs(sum(position < 0.05 for position in positions) / 10_000 - 0.05) < 0.01


def test_normalised_folds_case_and_space() -> None:
    assert normalised(" Mia  has\n3 ") == normalised("mia HAS 3")
