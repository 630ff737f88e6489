"""People's grades: what a line may hold, what stands of the clicks, and what the graded prompts stand for."""

from pathlib import Path
from typing import Any

import pytest

from stages.rows import grades
from stages.rows.grades import Grade, digest, of_these_replies, read_clicks, read_graders, standing, weights


def click(**changes: Any) -> Grade:
    line = {
        "id": "t1",
        "arms": ("8b plain", "teacher cot"),
        "replies": (digest("4"), digest("2 + 2 = 4")),
        "line": "overall",
        "grade": "left",
        "is_repeat": False,
        "stratum": "rest",
        "share": 1.0,
        "seconds": 2.5,
    }
    return Grade.model_validate(line | changes)


def single(id: str, grade: int, **changes: Any) -> Grade:
    return click(id=id, arms=("8b plain",), replies=(digest("4"),), grade=grade, **changes)


def test_a_click_is_read_as_it_was_written_and_the_last_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grades, "GRADES", tmp_path)
    clicks = [
        click(),
        click(id="t2", grade="tie"),
        click(id="t2", grade=None),  # taken back
        click(is_repeat=True, grade="tie"),  # the control is a grade of its own
        click(  # graded again, and shown in the other order: the same thing
            arms=("teacher cot", "8b plain"), replies=(digest("2 + 2 = 4"), digest("4")), grade="left"
        ),
    ]
    (tmp_path / "math").mkdir()
    path = tmp_path / "math/anna.jsonl"
    path.write_text("".join(one.model_dump_json() + "\n" for one in clicks))
    assert read_clicks(path) == clicks
    assert read_graders("math") == {"anna": [clicks[3], clicks[4]]}
    assert [clicks[4].value(arm) for arm in ("teacher cot", "8b plain")] == [1.0, 0.0]
    assert clicks[3].value("8b plain") == 0.5
    assert single("t1", 4).value("8b plain") == 4.0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            click().model_dump_json().replace('"left"', "4"),
            "wanted a grade of 1 to 5 for one arm, and left, right or tie",
        ),
        (click().model_dump_json().replace('"left"', '"both"'), "grade"),
        (click().model_dump_json()[:-9], "Invalid JSON"),
        (click().model_dump_json().replace("seconds", "second"), "seconds: Field required"),
    ],
)
def test_a_line_that_is_no_grade_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "anna.jsonl"
    path.write_text(f"{click().model_dump_json()}\n{line}\n")
    with pytest.raises(SystemExit, match=f"anna.jsonl: line 2: .*{message}"):
        read_clicks(path)


def test_grades_of_replies_that_have_changed_do_not_count() -> None:
    now = {"8b plain": {"t1": "4", "t2": "5"}, "teacher cot": {"t1": "2 + 2 = 4", "t2": "2 + 2 = 4"}}
    assert of_these_replies([click(), click(id="t2"), click(id="t3")], now) == [click()]


def test_weights_make_the_graded_prompts_stand_for_all() -> None:
    """Of 100 prompts 20 are in the first stratum; two of those were graded, and one of the others."""
    graded = [
        *(single(id, 5, stratum="disagreed", share=0.2) for id in ("t1", "t2")),
        single("t3", 1, stratum="rest", share=0.8),
        single("t3", 2, stratum="rest", share=0.8, line="clear"),  # no second prompt
    ]
    found = weights(graded)
    assert found == pytest.approx({"t1": 0.3, "t2": 0.3, "t3": 2.4})
    assert sum(found.values()) / 3 == pytest.approx(1.0)
    assert pytest.approx(0.2 * 5 + 0.8 * 1) == (0.3 * 5 + 0.3 * 5 + 2.4 * 1) / 3


def test_clicks_that_replace_one_another_leave_one() -> None:
    assert standing([single("t1", 2), single("t1", 5)]) == [single("t1", 5)]
