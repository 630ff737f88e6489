"""A reply is right, wrong, unreadable, cut off or not there: never two of them."""

from typing import Any

import pytest

from stages.evaluate.__main__ import describe, pairs
from stages.evaluate.grade import Graded, grade, outcome
from stages.rows.completion import Completion
from stages.rows.prompt import Prompt

PROMPT = Prompt(id="p1", task="math", reference="19", solution="", messages={})


def completion(text: str, finish_reason: str = "stop", **changes: Any) -> Completion:
    values = {"id": "p1", "style": "plain", "sample": 0, "text": text, "finish_reason": finish_reason, "error": "", "prompt_tokens": 1, "completion_tokens": 4}
    return Completion.model_validate(values | changes)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (completion("#### 19"), "right"),
        (completion("#### 20"), "wrong"),
        (completion("19"), "unreadable"),
        (completion("#### 19", "length"), "cut_off"),
        (completion("", "unanswered"), "unanswered"),
    ],
)
def test_outcome(reply: Completion, expected: str) -> None:
    assert outcome(reply, PROMPT, "####") == expected


def test_every_prompt_must_have_an_answer_in_the_style() -> None:
    with pytest.raises(AssertionError, match="1 prompts, 0 cot answers"):
        grade([completion("#### 19")], [PROMPT], "cot", "####")


def test_shares_are_of_all_rows() -> None:
    row = describe(("8b", "plain"), Graded(["right", "wrong", "unreadable", "cut_off"], [4, 4, 2, 64]), 0.95)
    assert (row["rows"], row["accuracy"], row["unreadable"], row["cut_off"], row["unanswered"]) == (4, 0.25, 0.25, 0.25, 0.0)
    assert row["tokens_per_answer"] == 18.5


def test_each_student_is_set_against_its_base_and_both_teacher_styles() -> None:
    arms = [(model, style) for model in ("teacher", "base-8b", "base-70b", "8b", "70b") for style in ("plain", "cot")]
    found = pairs(arms)
    assert (("8b", "plain"), ("base-8b", "plain")) in found
    assert (("70b", "plain"), ("teacher", "plain")) in found
    assert (("70b", "plain"), ("teacher", "cot")) in found
    assert len(found) == 2 * 2 * 3
