"""The text of a review."""

from tools.review.chance import Moved
from tools.review.comment import cost_rows, costs, metric_row, score_rows, table, verdict


def test_a_change_is_signed_and_a_new_metric_has_none() -> None:
    assert metric_row("x", {"old": 1844, "new": 3541, "diff": 1697}) == ("x", 1844, 3541, "+1,697")
    assert metric_row("x", {"old": 0.5, "new": 0.25, "diff": -0.25}) == ("x", 0.5, 0.25, "-0.25")
    assert metric_row("x", {"old": None, "new": 1}) == ("x", None, 1, "")


def test_a_markdown_table_keeps_its_columns_whatever_a_parameter_holds() -> None:
    assert table(("a", "b"), [("x", None)]) == "| a | b |\n| --- | --- |\n| x |  |"
    assert table(("a",), [("x | y\nz",)]).splitlines()[2] == r"| x \| y z |"
    assert table(("a", "b"), []) == "No change."


def test_scores_that_moved_say_whether_beyond_chance() -> None:
    moved = [
        Moved("8b.plain", 0.94, 0.312, 1e-90, "McNemar"),
        Moved("8b.cot", 0.676, 0.67, 0.9, "Fisher"),
        Moved("teacher.cot", 0.99, 0.99, 1.0, "z"),
    ]
    assert score_rows(moved, 0.05) == [
        ("`8b.plain`", "94.0", "31.2", "-62.8", "1e-90", "McNemar", "**beyond chance**"),
        ("`8b.cot`", "67.6", "67.0", "-0.6", "0.9", "Fisher", "within chance"),
    ]


def test_cost_is_what_was_asked_and_what_a_thousand_questions_come_to() -> None:
    arm = {"model": "8b", "style": "plain"}
    before = {"arms": [arm | {"cost_per_1000": 0.015}], "break_even": []}
    after = {"arms": [arm | {"cost_per_1000": None}], "break_even": []}
    old = costs({"generate.completion_tokens": 94510, "generate.cost": 0.25, "filter.rows": 4000}, before)
    new = costs({"generate.completion_tokens": 194510, "generate.cost": 0.25, "filter.rows": 9}, after)
    assert cost_rows(old, new) == [
        ("generate: completion tokens", "94,510", "194,510"),
        ("1,000 questions, 8b plain", "0.015", None),
    ]


def test_the_first_sentence_is_the_verdict() -> None:
    assert verdict(["8b.plain"], ["8b.plain fell from 0.94 to 0.31"]).startswith("**Regression:** 8b.plain fell")
    assert verdict(["8b.plain"], []) == "Nothing that `review.must_not_drop` names dropped: 8b.plain."
    assert "names nothing" in verdict([], [])
