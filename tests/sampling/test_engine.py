"""Only what the ledger lacks is asked, and every request has its reply in its place."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stages.sampling import engine
from stages.sampling.ledger import Ledger
from stages.sampling.recorded import RecordedEngine
from stages.sampling.request import UNANSWERED, Model, Reply, Request


def requests(*ids: str) -> list[Request]:
    return [Request(id, "cot", (("user", f"question {id}"),), 0, 0, 64, 0.0, 1.0, 0) for id in ids]


@pytest.fixture
def recorded(tmp_path: Path) -> Model:
    path = tmp_path / "recorded.jsonl"
    path.write_text('{"id": "a", "text": "A1"}\n{"id": "b", "text": "B1"}\n{"id": "a", "text": "A2"}\n')
    return Model("recorded", str(path), "digest", "auto")


def test_replies_come_in_the_order_of_the_requests(recorded: Model, tmp_path: Path) -> None:
    replies = engine.ask_all(recorded, requests("b", "missing", "a"), Ledger(tmp_path / "l.sqlite"))
    assert replies == [Reply("B1", "stop", 0, 0), UNANSWERED, Reply("A1", "stop", 0, 0)]


def test_the_second_recorded_completion_is_the_second_sample(recorded: Model) -> None:
    second = replace(requests("a")[0], sample=1)
    assert list(RecordedEngine(Path(recorded.name)).ask([second])) == [[(second, Reply("A2", "stop", 0, 0))]]


def test_an_answered_request_is_not_asked_again(recorded: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    engine.ask_all(recorded, requests("a"), ledger)
    Path(recorded.name).write_text('{"id": "a", "text": "changed"}\n{"id": "b", "text": "B1"}\n')
    replies = engine.ask_all(recorded, requests("a", "b"), ledger)
    assert [reply.text for reply in replies] == ["A1", "B1"]
    assert "2 requests, 1 in the ledger, 1 to ask" in capsys.readouterr().err


class Dying:
    """An engine that dies after its first batch."""

    def ask(self, requests: list[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        yield [(requests[0], Reply("kept", "stop", 1, 1))]
        raise RuntimeError("dies")


def test_what_came_before_a_crash_is_kept(tmp_path: Path, recorded: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    monkeypatch.setattr(engine, "load", lambda _: Dying())
    with pytest.raises(RuntimeError, match="dies"):
        engine.ask_all(recorded, requests("a", "b"), ledger)
    monkeypatch.undo()
    assert [reply.text for reply in engine.ask_all(recorded, requests("a", "b"), ledger)] == ["kept", "B1"]
