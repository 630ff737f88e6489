"""Completions find their prompts in one pass, and the question is what the user says."""

import pytest

from stages.rows.prompt import Message
from stages.score.pairs import pair, question
from tests.score.scored import COMPLETIONS, PROMPTS, completion, prompt


def test_every_completion_has_its_prompt_and_prompts_without_one_are_passed_over() -> None:
    prompts = [PROMPTS[0], prompt("unasked", "?"), PROMPTS[1]]
    assert [(p.id, c.id, c.sample) for p, c in pair(prompts, COMPLETIONS)] == [
        ("p1", "p1", 0),
        ("p1", "p1", 1),
        ("p2", "p2", 0),
        ("p2", "p2", 1),
        ("p2", "p2", 2),
    ]


def test_a_completion_out_of_order_is_an_error() -> None:
    with pytest.raises(SystemExit, match="completion p1 sample 3: got no such prompt after those of the completions before"):
        list(pair(PROMPTS, [*COMPLETIONS, completion("p1", "x", 3)]))


def test_the_system_prompt_is_no_part_of_the_question() -> None:
    assert question(PROMPTS[1]) == "Ivy has 2 shells. How many?"


def test_a_conversation_is_told_with_its_history() -> None:
    turns = [Message(role=role, content=content) for role, content in [("system", "Be kind."), ("user", "Hi."), ("assistant", "Hello."), ("user", "Bye.")]]
    row = PROMPTS[0].model_copy(update={"messages": {"plain": turns}})
    assert question(row) == "User: Hi.\n\nAssistant: Hello.\n\nUser: Bye."
