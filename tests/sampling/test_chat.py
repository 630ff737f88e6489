"""What is sent to an endpoint, and what its answers mean."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from stages.sampling.chat import Fatal, Retry, message, read_reply, retry_after, to_body
from stages.sampling.request import Reply, row_seed, unanswered
from tests.sampling.conftest import ENDPOINT, request


def completion(**changed: Any) -> bytes:
    body = {
        "model": "org/teacher",
        "system_fingerprint": "fp_1",
        "choices": [{"message": {"content": "4"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2},
    }
    return json.dumps(body | changed).encode()


def choice(content: Any, finish: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content, **more}, "finish_reason": finish}]}


def test_a_greedy_request_names_no_sampling() -> None:
    assert json.loads(to_body(ENDPOINT, request("2 + 2?", temperature=0.0))) == {
        "model": "org/teacher",
        "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": "2 + 2?"}],
        "max_tokens": 64,
        "temperature": 0.0,
    }


def test_a_drawn_request_has_a_seed_of_its_own() -> None:
    first, second = (json.loads(to_body(ENDPOINT, request("2 + 2?", sample=sample, top_k=5))) for sample in (0, 1))
    assert first["seed"] == row_seed(request("2 + 2?")) % 2**31
    assert first["seed"] != second["seed"]
    assert (first["top_p"], first["top_k"]) == (1.0, 5)
    assert "top_k" not in json.loads(to_body(ENDPOINT, request("2 + 2?")))


def test_a_reply_is_held_to_its_schema() -> None:
    body = json.loads(to_body(ENDPOINT, request("2 + 2?")._replace(schema='{"type": "object"}')))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "strict": True, "schema": {"type": "object"}},
    }


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (completion(), Reply("4", "stop", 9, 2, "", "org/teacher fp_1")),
        (
            completion(system_fingerprint=None, **choice("4 and", "length")),
            Reply("4 and", "length", 9, 2, "", "org/teacher"),
        ),
        (completion(**choice(None, "content_filter")), Reply("", "content_filter", 9, 2, "", "org/teacher fp_1")),
        (
            completion(**choice(None, "stop", refusal="I cannot.")),
            Reply("I cannot.", "content_filter", 9, 2, "", "org/teacher fp_1"),
        ),
        (
            completion(**choice("4", "stop", reasoning_content="2 and 2.")),
            Reply("4", "stop", 9, 2, "", "org/teacher fp_1", "2 and 2."),
        ),
        (
            completion(**choice("4", "stop", reasoning="2 and 2.")),
            Reply("4", "stop", 9, 2, "", "org/teacher fp_1", "2 and 2."),
        ),
        (
            completion(**choice("4", "stop", reasoning={"effort": "low"})),
            Reply("4", "stop", 9, 2, "", "org/teacher fp_1"),
        ),
        (completion(usage=None), Reply("4", "stop", 0, 0, "", "org/teacher fp_1")),
        (completion(usage={"prompt_tokens": None}), Reply("4", "stop", 0, 0, "", "org/teacher fp_1")),
        (
            completion(**choice("", "tool_calls")),
            unanswered("finish reason tool_calls: wanted stop, length or content_filter"),
        ),
    ],
)
def test_a_completion_is_read(content: bytes, reply: Reply) -> None:
    assert read_reply(ENDPOINT, 200, content, None, False) == reply


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"choices": [{"mess',
        b"{}",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [null], "model": "m"}',
        b'"text"',
        b"null",
        completion(**choice(["parts"], "stop")),
    ],
)
def test_what_is_no_completion_is_asked_again(content: bytes) -> None:
    with pytest.raises(Retry, match="broken reply"):
        read_reply(ENDPOINT, 200, content, None, False)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_asked_again_when_the_server_says(status: int) -> None:
    with pytest.raises(Retry) as retry:
        read_reply(ENDPOINT, status, b"busy", 7.0, False)
    assert (retry.value.kind, retry.value.after) == (f"HTTP {status}", 7.0)


@pytest.mark.parametrize("status", [400, 405, 413, 422])
def test_other_refusals_concern_one_row(status: int) -> None:
    words = b'{"error": {"message": "too long", "code": "context_length_exceeded"}}'
    assert read_reply(ENDPOINT, status, words, None, False) == unanswered(
        f"HTTP {status}: too long context_length_exceeded"
    )


@pytest.mark.parametrize(
    ("status", "answered", "fatal"),
    [(401, True, True), (402, True, True), (403, False, True), (404, False, True), (403, True, False)],
)
def test_a_refused_key_is_always_fatal_and_a_forbidden_model_at_first(status: int, answered: bool, fatal: bool) -> None:
    if fatal:
        with pytest.raises(Fatal, match=f"HTTP {status}: no"):
            read_reply(ENDPOINT, status, b'{"error": "no"}', None, answered)
    else:
        assert read_reply(ENDPOINT, status, b'{"error": "no"}', None, answered) == unanswered(f"HTTP {status}: no")


def test_an_empty_account_is_fatal_though_its_status_says_slow_down() -> None:
    with pytest.raises(Fatal, match="quota is used up"):
        read_reply(
            ENDPOINT,
            429,
            b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}',
            None,
            True,
        )


def test_another_model_is_fatal() -> None:
    with pytest.raises(Fatal, match="asked for the model org/teacher, answered by org/small; if that one is meant"):
        read_reply(ENDPOINT, 200, completion(model="org/small"), None, True)


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after(None) is None
    assert retry_after("3") == 3.0
    assert retry_after("-3") == 0.0
    assert retry_after("soon") is None
    in_a_minute = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert in_a_minute is not None
    assert 58 < in_a_minute <= 60


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"error": {"message": "no", "code": null}}', "no"),
        (b'{"error": "no"}', "no"),
        (b"<html>bad gateway", "<html>bad gateway"),
        (b"x" * 1000, "x" * 300),
    ],
)
def test_the_servers_words(content: bytes, words: str) -> None:
    assert message(content) == words
