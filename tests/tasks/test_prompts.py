"""Prompts are worded as each task promises, and the user's rows become turns."""

import json
from typing import Any

import pytest

from stages.tasks.answers.table import TASKS as ANSWERS
from stages.tasks.prompts.table import TASKS
from stages.tasks.prompts.wording import Limits

LIMITS = Limits(max_words=50, summary_words=80, num_summaries=5)
FIELDS: dict[str, dict[str, Any]] = {
    "math": {"question": "1 + 1 = ?"},
    "nli": {"premise": "It rains.", "hypothesis": "It is wet."},
    "qa": {"question": "Which?", "choices": ["one", "two"]},
    "summarization": {"article": "Mia met Leo."},
    "conversation": {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
}


def test_both_tables_hold_the_same_tasks() -> None:
    assert set(TASKS) == set(ANSWERS), "stages/tasks/prompts/table.py and stages/tasks/answers/table.py"


@pytest.mark.parametrize("task", FIELDS)
@pytest.mark.parametrize("wording", ["terse", "full"])
@pytest.mark.parametrize("answer_format", ["json", "####"])
def test_every_style_has_an_instruction_without_gaps(task: str, wording: str, answer_format: str) -> None:
    for style in TASKS[task].STYLES:
        instruction = TASKS[task].instruction(style, wording, answer_format, LIMITS)
        assert bool(instruction) == (task != "conversation")
        assert "  " not in instruction
        if style == "cot" or task not in ("summarization", "conversation"):
            assert ("JSON" in instruction) == (answer_format == "json")
            assert ("####" in instruction) == (answer_format == "####")


@pytest.mark.parametrize("task", ["math", "nli", "qa"])
def test_the_rich_wording_of_short_answers_limits_the_reasoning(task: str) -> None:
    assert "in at most 50 words" in TASKS[task].instruction("cot", "full", "json", LIMITS)
    assert "50" not in TASKS[task].instruction("plain", "full", "json", LIMITS)


def test_the_terse_wording_of_math_is_what_the_laptop_models_learnt() -> None:
    assert TASKS["math"].instruction("plain", "terse", "####", LIMITS) == "Give the answer after ####."
    assert (
        TASKS["math"].instruction("cot", "terse", "####", LIMITS) == "Think step by step. Give the answer after ####."
    )


def test_a_chain_of_density_names_its_length_and_number() -> None:
    chain = TASKS["summarization"].instruction("cod", "full", "json", LIMITS)
    assert "Write 5 summaries" in chain
    assert "about 80 words" in chain
    assert "about 80 words" in TASKS["summarization"].instruction("plain", "full", "json", LIMITS)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("math", "1 + 1 = ?"),
        ("nli", "Premise: It rains.\nHypothesis: It is wet."),
        ("qa", "Which?\n(A) one\n(B) two"),
        ("summarization", "Mia met Leo."),
    ],
)
def test_a_row_is_one_turn_of_the_user(task: str, text: str) -> None:
    assert TASKS[task].turns(FIELDS[task]) == [("user", text)]


@pytest.mark.parametrize(
    "messages",
    [
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
            {"role": "assistant", "content": "d"},
        ],
        [
            {"from": "human", "value": "a"},
            {"from": "gpt", "value": "b"},
            {"from": "human", "value": "c"},
            {"from": "gpt", "value": "d"},
            {"from": "human", "value": "e"},
        ],
        "The conversation between human and AI.\n[|Human|] a\n[|AI|] b\n[|Human|] c\n[|AI|] d\n[|Human|] ",
    ],
    ids=["role and content", "from and value, a user's turn at the end", "a transcript as Baize has them"],
)
def test_a_conversation_keeps_its_whole_history(messages: Any) -> None:
    turns = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    assert TASKS["conversation"].turns({"messages": messages}) == turns


@pytest.mark.parametrize(
    "messages",
    [[], [{"role": "user", "content": "a"}], [{"role": "tool", "content": "a"}], [{"role": "assistant", "content": "a"}], "no marks",
     [{"role": "user", "content": ""}, {"role": "assistant", "content": "b"}],
     [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]],
)  # fmt: skip
def test_what_is_no_conversation_is_refused(messages: Any) -> None:
    with pytest.raises(ValueError, match="got"):
        TASKS["conversation"].turns({"messages": messages})


def test_schemas_are_json_and_name_the_allowed_answers() -> None:
    schemas = {
        (task, style): TASKS[task].schema(style, FIELDS[task]) for task in FIELDS for style in TASKS[task].STYLES
    }
    json.dumps(list(schemas.values()))
    assert schemas["nli", "plain"]["properties"]["answer"] == {"enum": ["entailment", "neutral", "contradiction"]}  # pyright: ignore[reportOptionalSubscript]
    assert schemas["qa", "cot"]["properties"]["answer"] == {"enum": ["A", "B"]}  # pyright: ignore[reportOptionalSubscript]
    assert list(schemas["qa", "cot"]["properties"]) == ["reasoning", "answer"], "the reasoning comes first"  # pyright: ignore[reportOptionalSubscript]
    assert schemas["summarization", "plain"] is None
    assert schemas["conversation", "plain"] is None


@pytest.mark.parametrize(
    ("task", "reference", "ok"),
    [("nli", "entailment", True), ("nli", "Contradiction", True), ("nli", "maybe", False), ("qa", "A", True), ("qa", "two", True), ("qa", "C", False),
     ("qa", "three", False), ("summarization", "", True), ("conversation", "", False)],
)  # fmt: skip
def test_a_reference_must_be_an_answer(task: str, reference: str, ok: bool) -> None:
    assert (TASKS[task].reference_problem(reference, FIELDS[task]) is None) == ok
