"""The transformers engine with the laptop teacher: batches, seeds, ends."""

import json

import pytest

from stages.sampling.request import Model, Reply, Request, row_seed, unanswered
from stages.sampling.transformers import ROWS_PER_BATCH, TransformersEngine, batches, resolve_precision
from stages.tasks.prompts.math import instruction
from stages.tasks.prompts.wording import Limits
from tests.architecture.closure import ROOT

TEACHER = Model("transformers", str(ROOT / "data/laptop/models/teacher"), "", "float32", 0.0, 0.0)


def requests(count: int, temperature: float, max_tokens: int = 64) -> list[Request]:
    rows = [json.loads(line) for line in (ROOT / "data/laptop/problems/train.jsonl").open()][:count]
    system = instruction("cot", "terse", "####", Limits(0, 0, 0))
    return [
        Request(r["id"], "cot", (("system", system), ("user", r["question"])), 0, 7, max_tokens, temperature, 1.0, 0)
        for r in rows
    ]


@pytest.fixture(scope="module")
def engine() -> TransformersEngine:
    return TransformersEngine(TEACHER)


def ask(engine: TransformersEngine, asked: list[Request]) -> dict[Request, Reply]:
    return dict(pair for batch in engine.ask(asked) for pair in batch)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_reply_does_not_depend_on_its_batch(engine: TransformersEngine, temperature: float) -> None:
    asked = requests(24, temperature)
    together = ask(engine, asked)
    assert [ask(engine, [request])[request] for request in asked[:6]] == [together[request] for request in asked[:6]]


def test_each_row_has_the_room_that_its_own_prompt_leaves(engine: TransformersEngine) -> None:
    short = requests(1, 0.0)[0]
    long = short._replace(messages=(("user", "1 + 1 = " * 60),))  # 240 tokens of content and 9 of template
    together = ask(engine, [short, long])
    assert together[short] == ask(engine, [short])[short]
    assert together[long] == ask(engine, [long])[long]
    assert together[long].prompt_tokens + together[long].completion_tokens <= 256
    assert together[short].completion_tokens > 256 - together[long].prompt_tokens


def test_samples_and_seeds_differ_and_repeat(engine: TransformersEngine) -> None:
    first = requests(16, 1.5)
    other_sample, other_seed = [r._replace(sample=1) for r in first], [r._replace(seed=8) for r in first]
    texts = [
        [reply.text for reply in ask(engine, asked).values()] for asked in (first, first, other_sample, other_seed)
    ]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
    assert texts[0] != texts[3]


def test_a_reply_that_ends_by_itself_and_one_that_is_cut_off(engine: TransformersEngine) -> None:
    (ended,) = ask(engine, requests(1, 0.0)).values()
    (cut,) = ask(engine, requests(1, 0.0, max_tokens=5)).values()
    assert ended.finish_reason == "stop"
    assert "####" in ended.text
    assert "<|" not in ended.text
    assert (cut.finish_reason, cut.completion_tokens) == ("length", 5)
    assert ended.text.startswith(cut.text)


def test_a_prompt_that_fills_the_context_gets_no_reply(engine: TransformersEngine) -> None:
    long = requests(1, 0.0)[0]._replace(messages=(("user", "7 " * 300),))
    short = requests(2, 0.0)[1]
    found = ask(engine, [long, short])
    assert found[long] == unanswered("prompt too long: 310 tokens, the context is 256")
    assert found[short].finish_reason == "stop"


def test_batches_share_their_limit_and_are_the_same_after_a_kill() -> None:
    asked = [r._replace(max_tokens=64 if i % 2 else 32) for i, r in enumerate(requests(3 * ROWS_PER_BATCH, 0.0))]
    lengths = [len(r.messages[1][1]) for r in asked]
    found = batches(asked, lengths)
    assert sorted(i for batch in found for i in batch) == list(range(len(asked)))
    assert all(len({asked[i].max_tokens for i in batch}) == 1 and len(batch) <= ROWS_PER_BATCH for batch in found)
    rest = [i for batch in found[1:] for i in batch]
    rest.sort()
    again = batches([asked[i] for i in rest], [lengths[i] for i in rest])
    assert [[rest[i] for i in batch] for batch in again] == found[1:]


def test_row_seeds_differ_by_row_sample_and_seed() -> None:
    request = requests(1, 0.8)[0]
    variants = [
        request,
        request._replace(sample=1),
        request._replace(seed=1),
        request._replace(messages=(("user", "x"),)),
    ]
    assert len({row_seed(variant) for variant in variants}) == 4


def test_auto_precision_is_one_of_the_two() -> None:
    assert resolve_precision("float32") == "float32"
    assert resolve_precision("auto") in ("float32", "bfloat16")
