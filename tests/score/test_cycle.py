"""What is asked for a question, and how near the recovered one comes."""

from collections import Counter

import pytest

from stages.sampling.request import Reply, unanswered
from stages.score.asking import to_requests
from stages.score.columns.cycle import QUESTION, to_numbers, word_f1
from tests.score.scored import ROWS, row


def test_the_model_sees_the_target_and_not_the_prompt() -> None:
    asked = list(to_requests(QUESTION, ROWS, 256))
    assert asked[2].messages[1] == ("user", "<reply>\n2. #### 2\n</reply>")
    assert [(request.prompt_id, request.style, request.sample) for request in asked] == [
        ("p1", "cycle", 0),
        ("p1", "cycle", 1),
        ("p2", "cycle", 0),
    ]
    assert {(request.temperature, request.max_tokens) for request in asked} == {(0.0, 256)}
    assert not any("shells" in content or "Give the answer" in content for _, content in asked[2].messages)


@pytest.mark.parametrize(
    ("found", "wanted", "f1"),
    [
        ("How many shells?", "how many shells", 1.0),
        ("How many cards?", "How many shells does Ivy have?", 2 * 2 / (3 + 6)),
        ("shells shells", "shells", 2 * 1 / (2 + 1)),
        ("It costs 3.50", "it costs 3.5", 2 / 3),
        ("cards", "shells", 0.0),
        ("", "shells", 0.0),
        ("", "", 0.0),
    ],
)
def test_the_f1_counts_common_words(found: str, wanted: str, f1: float) -> None:
    assert word_f1(found, wanted) == pytest.approx(f1)


def test_the_question_is_what_the_user_said_last_and_what_became_of_each_is_counted() -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "One plus one?"},
    ]
    rows = [row("p", "", "2")._replace(messages=turns), *ROWS[:2]]
    replies = [
        Reply("One plus two?", "stop", 1, 1, "", ""),
        Reply("Zoe has", "length", 1, 1, "", ""),
        unanswered("HTTP 400: x"),
    ]
    counts = Counter[str]()
    assert list(to_numbers(rows, replies, counts)) == [(0.6667,), (None,), (None,)]
    assert counts == {"recovered": 1, "cut_off": 1, "unanswered": 1}
