"""A model that is held to a schema reasons before it answers: on every way of a schema its keys keep their order."""

import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from dvc.utils.hydra import apply_overrides

from stages.generate import __main__ as generate
from stages.predict import __main__ as predict
from stages.rows.prompt import Message, Prompt, read_prompts, write_prompts
from stages.sampling.chat import to_body
from stages.sampling.estimate import estimate
from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Request, key
from stages.sampling.runner import ask, replies
from stages.score.asking import to_requests
from stages.score.columns import judge
from stages.tasks.prompts.table import TASKS
from tests.sampling.conftest import ENDPOINT, Served, limits, request
from tests.sampling.grammar import accepts
from tests.score.scored import ROWS
from tests.settings import copy_settings
from tests.tasks.test_prompts import FIELDS

AskedBy = Callable[[Path, str, str], Request]
REASONED = [task for task in TASKS if "cot" in TASKS[task].STYLES]
ANSWERS = {"math": 19, "nli": "neutral", "qa": "B"}
CHAIN = {"steps": [{"missing_entities": "Mia", "denser_summary": "Mia met Leo."}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the llama profile, whose teacher is held to schemas."""
    copy_settings(tmp_path)
    apply_overrides(str(tmp_path / "params.yaml"), ["profile=llama"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, task: str, style: str) -> list[Prompt]:
    """The task's prompt in the file that `prompts` writes, and as another stage reads it."""
    schema = TASKS[task].schema(style, FIELDS[task])
    assert schema is not None
    messages = {name: [Message(role="user", content="?")] for name in ("plain", style)}
    prompt = Prompt(
        id="p", task=task, reference="", solution="", choices=[], messages=messages, schemas={style: schema}
    )
    path = folder / "data/prompts/train.jsonl"
    write_prompts(path, [prompt])
    return read_prompts(path)


def asked_by_generate(folder: Path, task: str, style: str) -> Request:
    write(folder, task, style)
    (asked,) = generate.to_requests(generate.load(), 0)
    return asked


def asked_by_predict(folder: Path, task: str, style: str) -> Request:
    prompts = write(folder, task, style)
    write_prompts(folder / "data/prompts/test.jsonl", prompts)
    write_prompts(folder / "data/prompts/retention.jsonl", [])
    return next(asked for asked in predict.to_requests(predict.load("teacher")) if asked.style == style)


def asked_of_a_judge() -> Request:
    (asked,) = to_requests(judge.QUESTION, ROWS[:1], 64)
    return asked


def on_the_wire(asked: Request) -> bytes:
    """The schema's bytes within the body that is sent."""
    body = to_body(ENDPOINT, asked)
    sent = orjson.dumps(orjson.loads(body)["response_format"]["json_schema"]["schema"])
    assert sent in body, "parsing it for this test changed no order"
    return sent


STAGES = pytest.mark.parametrize("asked_by", [asked_by_generate, asked_by_predict])


@STAGES
@pytest.mark.parametrize("task", REASONED)
def test_the_reasoning_stands_before_the_answer_on_the_wire_and_in_the_grammar(
    asked_by: AskedBy, task: str, folder: Path
) -> None:
    sent = on_the_wire(asked_by(folder, task, "cot"))
    assert 0 < sent.index(b'"reasoning"') < sent.index(b'"answer"')
    assert accepts(sent, json.dumps({"reasoning": "x", "answer": ANSWERS[task]}))
    assert not accepts(sent, json.dumps({"answer": ANSWERS[task], "reasoning": "x"}))


@STAGES
def test_the_missing_entities_stand_before_the_denser_summary(asked_by: AskedBy, folder: Path) -> None:
    sent = on_the_wire(asked_by(folder, "summarization", "cod"))
    assert 0 < sent.index(b'"missing_entities"') < sent.index(b'"denser_summary"')
    backwards = {"steps": [dict(reversed(CHAIN["steps"][0].items()))]}
    assert accepts(sent, json.dumps(CHAIN))
    assert not accepts(sent, json.dumps(backwards))


def test_a_judge_gives_its_grounds_before_its_grade() -> None:
    sent = on_the_wire(asked_of_a_judge())
    assert accepts(sent, '{"reasoning": "x", "score": 4}')
    assert not accepts(sent, '{"score": 4, "reasoning": "x"}')


def test_another_order_is_another_reply() -> None:
    schemas = ('{"reasoning": 1, "answer": 2}', '{"answer": 2, "reasoning": 1}')
    assert len({key(ENDPOINT, "v", request("?")._replace(schema=schema)) for schema in schemas}) == 2


def test_a_server_that_holds_replies_to_the_schema_has_the_model_reason_first(
    serve: Callable[..., Served], folder: Path
) -> None:
    serve("--grammar")
    ledger = Ledger(folder / "ledger.sqlite")
    schema = asked_by_generate(folder, "math", "cot").schema
    asked = [request(f"question {i}")._replace(schema=schema) for i in range(20)]
    batch = estimate(ENDPOINT, lambda: iter(asked), ledger)
    ask(batch, limits(min_success_ratio=1.0), ledger)
    assert [list(json.loads(reply.text)) for reply in replies(batch, ledger)] == [["reasoning", "answer"]] * 20
