"""The stage with a teacher behind an endpoint: a real HTTP server that has the laptop teacher."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from stages.rows.topk import read
from tests.here import run_here
from tests.logits.probability_server import telling
from tests.logits.teaching import LEARNT, TEACHER, by_hand, make, model

OUT = "data/logits/topk.parquet"
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
    assert [path.name for path in (folder / ".potstill").iterdir()] == ["logits"], "nothing goes through the ledger"
    written = [path for path in folder.rglob("*") if path.is_file() and "laptop" not in path.parts]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []


def test_an_endpoint_that_dies_midway_is_asked_only_the_rest(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with telling() as (address, _):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        assert run_here(folder, "logits")[0] == 0
    whole = (folder / OUT).read_bytes()
    copy = make(tmp_path / "dies", "profiles.laptop.teacher.engine=openai", "sampling.max_attempts=2", top_k=5)
    with telling(dies=2) as (address, asked):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        code, said = run_here(copy, "logits")
    assert (code, not (copy / OUT).exists()) == (1, True), said
    answered = [one["prompt"] for one in asked if one["answered"]]
    assert len(answered) == 2
    with telling() as (address, asked):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        code, said = run_here(copy, "logits")
        assert code == 0, said
        assert "teacher: 2 rows are kept, 2 to ask: reads " in said
        assert (copy / OUT).read_bytes() == whole
        rest = [one["prompt"] for one in asked if one["answered"]]
        assert len(rest) == 2
        assert [prompt for prompt in rest if prompt in answered] == [], "what was answered is not asked again"
        num_asked = len(asked)
        apply_overrides(str(copy / "params.yaml"), ["profiles.laptop.teacher.prompt_price=5", "logits.batch_size=3"])
        assert "teacher: 4 rows are kept, 0 to ask" in run_here(copy, "logits")[1]
        assert len(asked) == num_asked, "a price and a batch decide nothing"


@pytest.mark.parametrize("override", ["profiles.laptop.teacher.revision=other", "logits.top_k=4"])
def test_another_revision_and_another_k_are_asked_for_all(
    override: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with telling() as (address, asked):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        assert run_here(folder, "logits")[0] == 0
        asked[:] = asked[:1]
        apply_overrides(str(folder / "params.yaml"), [override])
        code, said = run_here(folder, "logits")
    assert code == 0, said
    assert "teacher: 0 rows are kept, 4 to ask" in said
    assert len(asked) == 1 + len(LEARNT)


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
