"""What the judge is asked, and which replies of it are a grade."""

import json
from collections import Counter

import pytest

from stages.sampling.request import Reply, unanswered
from stages.score.asking import to_requests
from stages.score.columns.judge import CRITERIA, QUESTION, REASONED, read_grade, to_grades
from stages.score.rows import question
from tests.score.scored import ROWS, row


def reply(text: str, finish_reason: str = "stop") -> Reply:
    return Reply(text, finish_reason, 1, 1, "", "")  # pyright: ignore[reportArgumentType]


def test_each_row_is_asked_for_greedily() -> None:
    asked = list(to_requests(QUESTION, ROWS, 512))
    places = [("p1", 0), ("p1", 1), ("p2", 0)]
    assert [(request.split, request.prompt_id, request.style, request.sample) for request in asked] == [
        ("train", id, "judge", sample) for id, sample in places
    ]
    assert {(request.temperature, request.max_tokens, request.seed) for request in asked} == {(0.0, 512, 0)}
    assert json.loads(asked[0].schema)["properties"]["score"]["enum"] == [1, 2, 3, 4, 5]


def test_the_judge_sees_question_and_target_and_not_the_format_that_was_asked_for() -> None:
    (_, told), (role, shown) = next(to_requests(QUESTION, ROWS[2:], 512)).messages
    assert (role, shown) == (
        "user",
        "<question>\nIvy has 2 shells. How many?\n</question>\n\n<reply>\n2. #### 2\n</reply>",
    )
    assert "Give the answer after ####." not in told + shown


def test_a_conversation_is_shown_turn_by_turn() -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "2?"},
    ]
    assert question(ROWS[0]._replace(messages=turns)) == "User: Hi\n\nAssistant: Hello\n\nUser: 2?"


@pytest.mark.parametrize(
    ("task", "criteria"),
    [
        ("math", REASONED),
        ("qa", REASONED),
        ("summarization", CRITERIA["summarization"]),
        ("conversation", CRITERIA["conversation"]),
    ],
)
def test_each_task_has_its_criteria(task: str, criteria: str) -> None:
    assert criteria in next(to_requests(QUESTION, [row("p2", "?", "2", task=task)], 512)).messages[0][1]


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ('{"reasoning": "fine", "score": 4}', 4.0),
        ('```json\n{"reasoning": "fine", "score": 4}\n```', 4.0),
        ('Here it is: {"reasoning": "fine", "score": "4"}', 4.0),
        ('{"reasoning": "fine", "score": 4.5}', 4.5),
        ('{"reasoning": "fine", "score": 5.0}', 5.0),
        ('{"reasoning": "fine", "score": 5.5}', None),
        ('{"reasoning": "fine", "score": 0}', None),
        ('{"reasoning": "fine", "score": -3}', None),
        ('{"reasoning": "fine", "score": "4/5"}', None),
        ('{"reasoning": "fine", "score": "four"}', None),
        ('{"reasoning": "fine", "score": true}', None),
        ('{"reasoning": "fine", "score": [4]}', None),
        ('{"reasoning": "fine", "score": NaN}', None),
        ('{"reasoning": "4"}', None),
        ("[4]", None),
        ("4", None),
        ("I would give it a 4.", None),
        ("", None),
    ],
)
def test_a_grade_is_read_and_never_guessed(text: str, grade: float | None) -> None:
    assert read_grade(reply(text)) == grade


def test_a_judge_that_was_cut_off_gave_no_grade() -> None:
    assert read_grade(reply('{"reasoning": "fine", "score": 4', "length")) is None


def test_each_reply_gives_a_grade_or_none_and_what_became_of_it_is_counted() -> None:
    replies = [reply('{"score": 4}'), reply("no"), unanswered("HTTP 400: x")]
    counts = Counter[str]()
    found = to_grades(replies, counts)
    assert list(found) == [4.0, None, None]
    assert counts == {"judged": 1, "unreadable": 1, "unanswered": 1}
