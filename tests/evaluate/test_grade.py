"""A reply is right, wrong, read, unreadable, cut off or not there: never two of them."""

from dataclasses import replace
from typing import Any

import pytest

from stages.evaluate.__main__ import of_split
from stages.evaluate.arms import arms_of, cost_of, describe, paid_back, paired, pairs
from stages.evaluate.forgetting import forgetting
from stages.evaluate.grade import Prediction, grade, grade_one
from stages.evaluate.params import Evaluate, Params, Prices
from stages.rows.prompt import Message, Prompt

MESSAGES = {"plain": [Message(role="user", content="12 + 7?")], "cot": [Message(role="user", content="12 + 7?")]}
PROMPT = Prompt(id="p1", task="math", reference="19", solution="", choices=[], messages=MESSAGES, schemas={})
EVALUATE = Evaluate(
    entities="rule",
    length_tolerance=0.25,
    max_forgetting=0.05,
    min_kappa=0.4,
    confidence=0.95,
    num_resamples=1000,
    seed=0,
)
PRICES = {
    "teacher": Prices(prompt=1.0, completion=2.0),
    "base-8b": Prices(prompt=0.0, completion=0.5),
    "base-70b": Prices(prompt=5.0, completion=5.0),
}
PARAMS = Params(
    evaluate=EVALUATE,
    dataset="laptop-math",
    split="test",
    answer_format="####",
    summary_words=10,
    bare_number=False,
    students=["8b", "70b"],
    prices=PRICES,
    training_cost={"8b": 2.0, "70b": 0.0},
)


def completion(text: str, finish_reason: str = "stop", **changes: Any) -> Prediction:
    return Prediction("test", "p1", "plain", text, finish_reason, 1, 4)._replace(**changes)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (completion("#### 19"), ("right", "19")),
        (completion("#### 20"), ("wrong", "20")),
        (completion("19"), ("unreadable", None)),
        (completion("#### 19", "length"), ("cut_off", None)),
        (completion("", "unanswered"), ("unanswered", None)),
        (completion("", "content_filter"), ("unanswered", None)),
    ],
)
def test_outcome(reply: Prediction, expected: tuple[str, str | None]) -> None:
    assert grade_one(reply, PROMPT, "####", False) == expected


def test_where_nothing_is_simply_right_a_reply_is_read() -> None:
    prompt = replace(PROMPT, task="conversation", reference="Hello")
    assert grade_one(completion("Hi"), prompt, "####", False) == ("read", "Hi")


def test_every_prompt_must_have_an_answer_in_the_style() -> None:
    with pytest.raises(AssertionError, match="1 prompts, 1 without a cot answer: p1"):
        grade([completion("#### 19")], [PROMPT], "cot", "####", False)


def four() -> tuple[list[Prompt], list[Prediction]]:
    prompts = [replace(PROMPT, id=f"p{i}") for i in range(4)]
    replies = [
        completion("#### 19"),
        completion("#### 20"),
        completion("19"),
        completion("#### 19", "length", completion_tokens=64),
    ]
    return prompts, [reply._replace(id=f"p{i}") for i, reply in enumerate(replies)]


def test_shares_are_of_all_rows() -> None:
    prompts, completions = four()
    (arm,) = arms_of("teacher", completions, prompts, PARAMS)
    row = describe(arm, 0.0, EVALUATE)
    assert (row["rows"], row["value"], row["unreadable"], row["cut_off"], row["unanswered"]) == (
        4,
        0.25,
        0.25,
        0.25,
        0.0,
    )
    assert row["tokens_per_answer"] == 19.0  # (4 + 4 + 4 + 64) / 4


def test_each_student_is_set_against_its_base_and_both_teacher_styles() -> None:
    prompts, plain = four()
    both = plain + [reply._replace(style="cot") for reply in plain]
    arms = [
        arm
        for model in ("teacher", "base-8b", "base-70b", "8b", "70b")
        for arm in arms_of(model, both, prompts, PARAMS)
    ]
    assert [arm.style for arm in arms[:2]] == ["plain", "cot"]
    found = {(first.name, second.name) for first, second in pairs(arms, PARAMS.students)}
    assert ("8b plain", "base-8b plain") in found
    assert ("70b plain", "teacher plain") in found
    assert ("70b plain", "teacher cot") in found
    assert len(found) == 2 * 2 * 3
    assert paired(arms[0], arms[1], EVALUATE)["difference"] == 0.0


def test_break_even_of_each_student() -> None:
    prompts, completions = four()
    arms = [arm for model in ("teacher", "8b", "70b") for arm in arms_of(model, completions, prompts, PARAMS)]
    # 1,000 questions are 1,000 prompt tokens and 19,000 completion tokens
    costs: dict[str, float | None] = {"teacher plain": 0.039, "8b plain": 0.0095, "70b plain": 0.1}
    rows = paid_back(arms, costs, 0.95, PARAMS)
    # (0.95 + 2) / (0.0295 / 1000) = 100,000; the 70b is dearer than its teacher here
    assert rows == [
        {"student": "8b plain", "against": "teacher plain", "spent": 2.95, "questions": 100_000},
        {"student": "70b plain", "against": "teacher plain", "spent": 0.95, "questions": "never"},
    ]


def test_where_a_price_is_not_known_no_question_is_said_to_pay_back() -> None:
    prompts, completions = four()
    unpriced = PARAMS.model_copy(update={"prices": PRICES | {"teacher": Prices(prompt=None, completion=2.0)}})
    arms = [arm for model in ("teacher", "8b") for arm in arms_of(model, completions, prompts, unpriced)]
    costs = {arm.name: cost_of(arm, unpriced) for arm in arms}
    assert costs == {"teacher plain": None, "8b plain": 0.0095}
    assert describe(arms[0], costs["teacher plain"], EVALUATE)["cost_per_1000"] is None
    assert paid_back(arms, costs, None, unpriced) == [
        {"student": "8b plain", "against": "teacher plain", "spent": None, "questions": "unknown"}
    ]


def test_a_question_of_the_retention_set_may_have_the_id_of_a_test_question() -> None:
    replies = [completion("#### 19"), completion("#### 1", split="retention")]
    (arm,) = arms_of("teacher", of_split(replies, "test"), [PROMPT], PARAMS)
    assert arm.graded.answers == ["19"]
    on_retention = {model: of_split(replies, "retention") for model in ("teacher", "base-8b", "8b")}
    assert forgetting("8b", on_retention, [PROMPT], PARAMS)["8b"] == 0.0


def test_a_drop_on_the_retention_set_is_a_regression() -> None:
    prompts, _ = four()
    replies = [completion("#### 19", id=prompt.id) for prompt in prompts]
    forgot = [completion("#### 19" if i < 3 else "#### 1", id=prompt.id) for i, prompt in enumerate(prompts)]
    found = forgetting("8b", {"teacher": replies, "base-8b": replies, "8b": forgot}, prompts, PARAMS)
    assert (found["base-8b"], found["8b"], found["drop"], found["regression"]) == (1.0, 0.75, 0.25, True)
    assert found["tasks"]["math"] == {"teacher": 1.0, "base-8b": 1.0, "8b": 0.75}
    assert (
        forgetting("8b", {"teacher": replies, "base-8b": forgot, "8b": replies}, prompts, PARAMS)["regression"] is False
    )
