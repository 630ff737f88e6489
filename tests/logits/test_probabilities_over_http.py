"""The stage with a teacher behind an endpoint: a real HTTP server that has the laptop teacher."""

from pathlib import Path
from typing import Any

import pytest

from stages.rows.topk import read
from tests.here import run_here
from tests.logits.probability_server import telling
from tests.logits.teaching import LEARNT, TEACHER, by_hand, make, model

KEY = "planted-key-1234567890"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model("teacher")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return make(tmp_path / "endpoint", "profiles.laptop.teacher.engine=openai", top_k=5)


def test_it_gives_what_the_model_itself_gives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with telling() as (address, asked):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        code, said = run_here(folder, "logits")
    assert code == 0, said
    for row, (*_, question, target) in zip(read(folder / "data/logits/topk.parquet"), LEARNT, strict=True):
        expected = by_hand("teacher", question, target)[0].topk(5)
        assert (row.token_ids == expected.indices.numpy()).all()
        assert row.logprobs == pytest.approx(expected.values.numpy(), abs=1e-6)
    assert len(asked) == len(LEARNT) + 1, "the first was refused, and asked again"
    assert {(one["path"], one["key"]) for one in asked} == {("/v1/completions", f"Bearer {KEY}")}
    assert {(one["model"], one["max_tokens"], one["prompt_logprobs"]) for one in asked} == {(TEACHER, 1, 5)}
    assert not (folder / ".potstill").exists(), "nothing goes through the ledger"
    written = [path for path in folder.rglob("*") if path.is_file() and "laptop" not in path.parts]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prompt_logprobs": None}, f"got no prompt_logprobs of {TEACHER}, wanted an endpoint that gives them"),
        ({"model": "org/other"}, f"asked for the model {TEACHER}, answered by org/other"),
        (
            {"prompt_logprobs": [None] * 99},
            "tokens and its own at each position; start vLLM's server with --max-logprobs",
        ),
        ({"prompt_logprobs": [None] * 9}, "wanted 5 tokens and its own at each position"),
        ({"status": 400}, f"got from {TEACHER} HTTP 400: as told to Bearer [secret], wanted 5"),
    ],
)
def test_an_endpoint_that_does_not_tell_is_one_clear_error(
    changed: dict[str, Any], message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with telling(**changed) as (address, _):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        code, said = run_here(folder, "logits")
    assert code == 1
    assert message in said
    assert "Traceback" not in said
    assert KEY not in said
    assert not (folder / "data/logits/topk.parquet").exists()
