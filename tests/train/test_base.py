"""The model that a student starts from is found, or named with what to check."""

from pathlib import Path

import pytest

from stages.train import base
from stages.train.params import Params, load
from tests.architecture.closure import ROOT
from tools.plan.candidates import on_cpu


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(ROOT)
    return load("8b")


def with_model(params: Params, folder: Path) -> Params:
    return params.model_copy(update={"base": params.base.model_copy(update={"model": str(folder)})})


def test_the_end_token_is_the_models_or_else_the_tokenizers(params: Params, tmp_path: Path) -> None:
    tokenizer = base.read_tokenizer(params, "8b")
    assert base.stop_ids(params, tokenizer) == {tokenizer.convert_tokens_to_ids("<|eot_id|>")}
    assert base.stop_ids(with_model(params, tmp_path), tokenizer) == {tokenizer.eos_token_id}


def test_a_model_that_cannot_be_loaded_is_named(params: Params, tmp_path: Path) -> None:
    gone = with_model(params, tmp_path / "gone")
    named = rf"^train-8b: model {tmp_path}/gone at {params.base.revision}: (.|\n)*Check `model` and `revision` in"
    with pytest.raises(SystemExit, match=named):
        base.read_tokenizer(gone, "8b")
    with pytest.raises(SystemExit, match=named):
        base.load(gone, on_cpu(batch=4), "8b")


def test_a_model_of_the_hub_is_taken_at_its_revision(params: Params) -> None:
    assert base.source(params) == {}
    of_hub = params.base.model_copy(update={"model": "someone/model", "revision": "abc"})
    assert base.source(params.model_copy(update={"base": of_hub})) == {"revision": "abc"}
