"""Each rule gives its own reason, and what passes them becomes the right target."""

from typing import Any

import pytest

from stages.filter.params import Filter, Params
from stages.filter.rules import drop_duplicates, from_reference, is_validation, judge
from stages.rows.completion import Completion
from stages.rows.example import Example, Rejected
from stages.rows.prompt import Message, Prompt

PLAIN = [Message(role="system", content="plain"), Message(role="user", content="12 + 7?")]
PROMPT = Prompt(id="p1", task="math", reference="19", solution="12 + 7 = <<12+7=19>>19.", choices=[], messages={"plain": PLAIN, "cot": PLAIN[1:]}, schemas={})


def params(completion_format: str = "####", **changes: Any) -> Params:
    values = {"verify": "reference", "labels": "teacher", "target": "reasoning", "validation_share": 0.05} | changes
    return Params(filter=Filter.model_validate(values), answer_format="####", completion_format=completion_format, bare_number=False)


def completion(text: str, finish_reason: str = "stop", error: str = "") -> Completion:
    where = {"id": "p1", "style": "cot", "sample": 0, "prompt_tokens": 1, "completion_tokens": 64}
    return Completion.model_validate(where | {"text": text, "finish_reason": finish_reason, "error": error})


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (completion("", "unanswered", "HTTP 400: too long"), "unanswered", "HTTP 400: too long"),
        (completion("", "content_filter"), "content_filter", "withheld by the endpoint"),
        (completion("12 + 7 = 19. #### 19", "length"), "cut_off", "64 tokens and no end"),
        (completion("12 + 7 = 19."), "unreadable", "no answer in the format '####'"),
        (completion("12 + 7 = 20. #### 20"), "wrong", "got 20, the reference is 19"),
        (completion("#### 19"), "no_reasoning", "an answer alone, and filter.target is reasoning"),
    ],
)
def test_each_fault_has_its_reason(row: Completion, reason: str, detail: str) -> None:
    outcome = judge(row, PROMPT, params()).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.detail, outcome.text) == (reason, detail, row.text)


@pytest.mark.parametrize(
    ("changes", "text", "target"),
    [
        ({}, "12 + 7 = 19. #### 19", "12 + 7 = 19. #### 19"),
        ({}, "12 + 7 = 19. #### 19.0", "12 + 7 = 19. #### 19"),
        ({"target": "answer"}, "12 + 7 = 19. #### 19", "#### 19"),
        ({"verify": "none"}, "12 + 7 = 20. #### 20", "12 + 7 = 20. #### 20"),
        ({"completion_format": "A:"}, "12 + 7 = <<12+7=19>>19\nA: $19", "12 + 7 = 19 #### 19"),
        ({"completion_format": "json"}, '{"reasoning": "12 + 7 = 19.", "answer": 19}', "12 + 7 = 19. #### 19"),
    ],
)
def test_the_plain_prompt_is_followed_by_the_target(changes: dict[str, Any], text: str, target: str) -> None:
    outcome = judge(completion(text), PROMPT, params(**changes)).outcome
    assert outcome == Example(id="p1", sample=0, prompt=PLAIN, completion=[Message(role="assistant", content=target)])


def test_where_nothing_is_simply_right_what_can_be_read_is_kept() -> None:
    prompt = PROMPT.model_copy(update={"task": "summarization", "reference": "", "solution": ""})
    judged = judge(completion("#### long #### dense").model_copy(update={"style": "cod"}), prompt, params())
    assert isinstance(judged.outcome, Example)
    assert (judged.outcome.completion[0].content, judged.is_right) == ("dense", None)


def test_the_control_of_a_summary_is_the_reference_itself() -> None:
    prompt = PROMPT.model_copy(update={"task": "summarization", "reference": "Mia met Leo.", "solution": ""})
    assert from_reference(prompt, params(labels="reference")).completion[0].content == "Mia met Leo."


def test_unreadable_is_not_wrong() -> None:
    assert judge(completion("no idea"), PROMPT, params()).is_right is None
    assert judge(completion("x #### 20"), PROMPT, params()).is_right is False
    assert judge(completion("x #### 19"), PROMPT, params()).is_right is True


@pytest.mark.parametrize(("target", "text"), [("reasoning", "12 + 7 = 19. #### 19"), ("answer", "#### 19")])
def test_the_control_learns_the_data_sets_own_answer(target: str, text: str) -> None:
    assert from_reference(PROMPT, params(labels="reference", target=target)).completion[0].content == text


def test_the_control_needs_a_worked_solution_for_reasoning() -> None:
    with pytest.raises(SystemExit, match="p1: got no worked solution in the data set, wanted one because filter.labels is reference"):
        from_reference(PROMPT.model_copy(update={"solution": ""}), params(labels="reference"))


def test_of_equal_examples_the_first_is_kept() -> None:
    def example(id: str, sample: int, target: str) -> Example:
        return Example(id=id, sample=sample, prompt=PLAIN, completion=[Message(role="assistant", content=target)])

    kept, rejected = drop_duplicates([example("p1", 0, "x"), example("p1", 1, "x"), example("p1", 2, "y")])
    assert [row.sample for row in kept] == [0, 2]
    assert [(row.sample, row.reason, row.detail) for row in rejected] == [(1, "duplicate", "of p1 sample 0")]


def test_the_validation_split_stays_when_prompts_are_added() -> None:
    few = {str(i) for i in range(100) if is_validation(str(i), 0.2)}
    many = {str(i) for i in range(1000) if is_validation(str(i), 0.2)}
    assert few == {id for id in many if int(id) < 100}
    assert 150 < len(many) < 250
