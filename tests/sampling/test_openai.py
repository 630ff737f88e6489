"""Through every fault of a real endpoint each request comes back once, and what can never succeed stops at once."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.sampling.estimate import estimate
from stages.sampling.ledger.store import Ledger
from stages.sampling.limits import Limits
from stages.sampling.openai import MAX_LOST_IN_A_ROW, OpenAIEngine, backoff
from stages.sampling.rate_limit import START
from stages.sampling.request import Reply
from stages.sampling.runner import ask, replies
from tests.sampling.conftest import ENDPOINT, KEY, Served, limits, request, stream
from tests.sampling.fault_server import ending_of

Serve = Callable[..., Served]


def answers(folder: Path, count: int, using: Limits) -> list[Reply]:
    ledger = Ledger(folder / "ledger.sqlite")
    batch = estimate(ENDPOINT, stream(count), ledger)
    ask(batch, using, ledger)
    return list(replies(batch, ledger))


@pytest.mark.slow
def test_ten_thousand_rows_through_every_fault(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = serve("--faults")
    found = answers(tmp_path, 10_000, limits(max_concurrency=256))
    assert len(found) == 10_000
    for i, reply in enumerate(found):
        assert reply.finish_reason == ending_of(f"question {i}")
        text = {"stop": f"question {i} #### 1", "length": "quest", "content_filter": ""}[reply.finish_reason]
        assert reply.text == text
        assert reply.prompt_tokens == 2
    # the server's own log: each was answered in full, and none of those was sent again
    assert Counter(served.answered()) == Counter(f"question {i}" for i in range(10_000))
    faults = Counter(kind for _, kind in served.log())
    retries = "".join(capsys.readouterr().err.partition("'retries'")[2:])
    assert f"'HTTP 429': {faults['429'] + faults['429 Retry-After']}" in retries, (
        "every refusal was seen, and every one was answered by one retry"
    )
    assert f"'TimeoutError': {faults['stall']}" in retries
    assert f"'broken reply': {faults['broken']}" in retries
    again = answers(tmp_path, 10_000, limits())
    assert again == found
    assert len(served.answered()) == 10_000


@pytest.mark.slow
def test_a_server_that_dies_for_ten_seconds_and_comes_back(serve: Serve, tmp_path: Path) -> None:
    first = serve("--latency", "0.05")
    back: list[Served] = []

    def die_and_come_back() -> None:
        while len(first.answered()) < 500:
            time.sleep(0.01)
        first.process.kill()
        first.process.wait()
        time.sleep(10)
        back.append(serve("--latency", "0.05", "--port", first.port))

    thread = threading.Thread(target=die_and_come_back)
    thread.start()
    found = answers(tmp_path, 2_000, limits())
    thread.join()
    assert {reply.finish_reason for reply in found} == {"stop"}
    assert len(set(back[0].answered())) >= 2_000 - 64, "an answer may leave before it is logged"
    # what was under way when it died may have left without being read
    assert len(back[0].answered()) <= 2_000 + 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--status", "401"], "the key was refused: HTTP 401: as told to Bearer [secret] told"),
        (["--status", "404"], "the endpoint does not know the model: HTTP 404: as told to Bearer [secret] told"),
        (["--model", "org/other"], "asked for the model org/teacher, answered by org/other"),
    ],
)
def test_what_no_request_can_mend_stops_at_once(options: list[str], message: str, serve: Serve, tmp_path: Path) -> None:
    served = serve(*options)
    with pytest.raises(SystemExit) as stopped:
        answers(tmp_path, 1_000, limits())
    assert str(stopped.value).startswith(f"engine openai: {message}")
    assert KEY not in str(stopped.value)
    assert len(served.log()) <= START, "no more than the first requests under way"


def test_an_endpoint_that_knows_the_model_no_more_costs_rows_and_loses_no_reply(serve: Serve, tmp_path: Path) -> None:
    """The second run finds the replies of the first in the ledger, and is told 404 from its first request on."""
    serve("--vanish-after", "96")
    for expected in ("got replies to 96 of 100 requests, wanted 97%", "got replies to 96 of 100 requests, wanted 97%"):
        with pytest.raises(SystemExit, match=expected) as stopped:
            answers(tmp_path, 100, limits(min_success_ratio=0.97, max_concurrency=1))
        assert "4 HTTP 404" in str(stopped.value)
    found = answers(tmp_path, 100, limits(min_success_ratio=0.96, max_concurrency=1))
    assert [reply.error for reply in found if reply.error] == ["HTTP 404: The model `org/teacher` does not exist."] * 4


def test_reasoning_that_is_handed_over_apart_is_kept(serve: Serve, tmp_path: Path) -> None:
    serve("--reasoning")
    (asked,) = answers(tmp_path, 1, limits())
    assert (asked.text, asked.reasoning) == ("question 0 #### 1", "What is question 0?")
    assert answers(tmp_path, 1, limits()) == [asked], "from the ledger"


def test_a_row_that_is_refused_is_not_sent_again_and_comes_back_with_the_servers_words(
    serve: Serve, tmp_path: Path
) -> None:
    served = serve()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    batch = estimate(ENDPOINT, lambda: iter([request("one"), request("forbidden"), request("two")]), ledger)
    ask(batch, limits(min_success_ratio=0.5), ledger)
    found = list(replies(batch, ledger))
    assert [reply.text for reply in found] == ["one #### 1", "", "two #### 1"]
    assert found[1].finish_reason == "unanswered"
    assert found[1].error == "HTTP 400: as told to Bearer [secret] told"
    assert Counter(served.log()) == {("one", "stop"): 1, ("forbidden", "HTTP 400"): 1, ("two", "stop"): 1}


def test_an_endpoint_that_is_gone_for_good_stops_the_run(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    served.process.kill()
    served.process.wait()
    with pytest.raises(
        SystemExit,
        match=f"ClientConnectorError at the last {MAX_LOST_IN_A_ROW} requests, 1 times each; endpoint {served.address}",
    ):
        answers(tmp_path, 10_000, limits(max_attempts=1))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "got no OPENAI_BASE_URL in the environment, wanted the endpoint's address, such as"),
        ("localhost:8000", "got an OPENAI_BASE_URL without http in the environment"),
        (
            "http://me:secret@localhost:8000/v1",
            "got a user or password in OPENAI_BASE_URL, wanted the address alone; a key goes into OPENAI_API_KEY",
        ),
    ],
)
def test_an_address_that_cannot_be_asked(address: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(SystemExit, match=message) as stopped:
        OpenAIEngine(ENDPOINT, limits())
    assert "secret" not in str(stopped.value)


def test_requests_under_way_shrink_when_refused(serve: Serve) -> None:
    serve("--status", "429")
    engine = OpenAIEngine(ENDPOINT, limits(max_attempts=2))
    found = [reply for batch in engine.ask(stream(20)()) for _, reply in batch]
    assert {reply.error for reply in found} == {"HTTP 429: 2 times"}
    assert engine.retries == {"HTTP 429": 20}
    assert engine.concurrency.limit < START


def test_requests_per_minute(serve: Serve) -> None:
    serve()
    start = time.monotonic()
    list(OpenAIEngine(ENDPOINT, limits(requests_per_minute=600)).ask(stream(11)()))
    assert time.monotonic() - start >= 1.0, "the eleventh may start a second after the first"


@pytest.mark.parametrize(
    ("attempt", "after", "least"), [(0, None, 0.5), (3, None, 4.0), (9, None, 30.0), (0, 7.0, 7.0), (5, 0.0, 0.0)]
)
def test_pauses_double_unless_the_server_names_one(attempt: int, after: float | None, least: float) -> None:
    pauses = [backoff(attempt, after) for _ in range(100)]
    assert least <= min(pauses) <= max(pauses) <= 1.25 * least
    assert len(set(pauses)) > 1 or not least, "jitter"
