"""The key holds everything that decides a reply, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from stages.rows.prompt import Message, Prompt
from stages.sampling.request import Decoding, Model, Request, key, to_request

MODEL = Model("transformers", "org/model", "a" * 40, "float32", 0.0, 0.0)
SAMPLED = Request("p1", "cot", (("user", "1 + 1 = ?"),), 0, 7, 64, 0.8, 0.9, 50)
GREEDY = SAMPLED._replace(temperature=0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (("user", "2 + 2 = ?"),)},
        {"sample": 1},
        {"seed": 8},
        {"max_tokens": 65},
        {"temperature": 0.7},
        {"top_p": 1.0},
        {"top_k": 0},
    ],
)
def test_what_decides_a_sampled_reply_changes_its_key(change: dict[str, Any]) -> None:
    assert key(MODEL, "v1", SAMPLED._replace(**change)) != key(MODEL, "v1", SAMPLED)


@pytest.mark.parametrize("change", [{"engine": "recorded"}, {"name": "org/other"}, {"revision": "b" * 40}])
def test_the_model_changes_the_key(change: dict[str, Any]) -> None:
    assert key(replace(MODEL, **change), "v1", SAMPLED) != key(MODEL, "v1", SAMPLED)


def test_the_engine_version_changes_the_key() -> None:
    assert key(MODEL, "v2", SAMPLED) != key(MODEL, "v1", SAMPLED)


def test_the_form_of_a_key_never_changes() -> None:
    """With other keys every ledger in use would count for nothing."""
    assert key(MODEL, "v1", SAMPLED).hex() == "f612ae015b7aadb62eafcdb362974b0ab5098578edd050dff73292e23f189757"
    assert key(MODEL, "v1", GREEDY).hex() == "953bcf6eed3796a04eaa798dc6b47a40ab984bd89841d696e4ee8a9a45a869f4"


@pytest.mark.parametrize("change", [{"engine": "ray-transformers"}, {"precision": "auto"}, {"prompt_price": 2.0}])
def test_where_a_model_runs_and_what_it_costs_does_not(change: dict[str, Any]) -> None:
    assert key(replace(MODEL, **change), "v1", SAMPLED) == key(MODEL, "v1", SAMPLED)


@pytest.mark.parametrize("change", [{"prompt_id": "p2"}, {"style": "plain"}])
def test_where_a_reply_belongs_does_not(change: dict[str, Any]) -> None:
    assert key(MODEL, "v1", SAMPLED._replace(**change)) == key(MODEL, "v1", SAMPLED)


@pytest.mark.parametrize("change", [{"seed": 8}, {"sample": 1}, {"top_p": 0.5}, {"top_k": 1}])
def test_a_greedy_reply_does_not_depend_on_how_one_would_sample(change: dict[str, Any]) -> None:
    assert key(MODEL, "v1", GREEDY._replace(**change)) == key(MODEL, "v1", GREEDY)


def test_a_schema_decides_the_reply_where_the_engine_can_hold_to_it() -> None:
    held = SAMPLED._replace(schema='{"type": "object"}')
    for engine, decides in (("openai", True), ("vllm", True), ("ray-vllm", True), ("transformers", False)):
        model = replace(MODEL, engine=engine)
        assert (key(model, "1", held) != key(model, "1", SAMPLED)) == decides


def test_a_style_without_a_limit_of_tokens_is_one_clear_error() -> None:
    messages = {"cot": [Message(role="user", content="?")]}
    prompt = Prompt(id="p", task="math", reference="", solution="", choices=[], messages=messages, schemas={})
    with pytest.raises(
        SystemExit, match="max_tokens of the profile: got plain, cod, wanted a limit for the style cot too"
    ):
        to_request(prompt, "train", "cot", {"plain": 64, "cod": 96}, Decoding())
