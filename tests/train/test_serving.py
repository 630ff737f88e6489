"""What stands against asking a student is said before it is trained."""

from typing import Any

import pytest

from stages.train import serving
from stages.train.checkpoint import decisive
from stages.train.params import Params, load
from tests.architecture.closure import ROOT


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(ROOT)
    return load("8b", "llama")


def with_lora(params: Params, engine: str = "vllm", **changes: Any) -> Params:
    lora = params.profile.lora.model_copy(update=changes)
    return with_engine(params.model_copy(update={"profile": params.profile.model_copy(update={"lora": lora})}), engine)


def with_engine(params: Params, engine: str) -> Params:
    return params.model_copy(update={"base": params.base.model_copy(update={"engine": engine})})


def test_a_student_that_nothing_can_ask_is_not_trained(params: Params) -> None:
    with pytest.raises(
        SystemExit,
        match=r"^train-8b: got the engine openai in `base` of student-8b, wanted one that loads models/8b on this",
    ):
        serving.check(with_engine(params, "openai"), "8b")


@pytest.mark.parametrize(
    ("engine", "changes", "said"),
    [
        ("vllm", {}, None),
        ("vllm", {"rank": 12}, None),  # vLLM serves it under the rank 16
        ("vllm", {"dora": True}, "vLLM serves no DoRA adapters: to be asked it is merged into its base"),
        ("ray-vllm", {"rank": 513}, "vLLM serves adapters of ranks up to 512, got 513: to be asked it is merged"),
        ("vllm", {"rank": 300, "init": "corda-ipm"}, "vLLM serves adapters of ranks up to 512, got 600"),
        ("transformers", {"rank": 513}, None),
        ("transformers", {"dora": True}, "transformers loses DoRA's magnitudes: to be asked it is merged"),
        ("vllm", {"quantization": "nf4"}, "it is trained over nf4 weights, and vllm asks it over those that nf4"),
    ],
)
def test_how_it_is_asked_is_said(
    params: Params, engine: str, changes: dict[str, Any], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    serving.check(with_lora(params, engine, **changes), "8b")
    found = capsys.readouterr().err
    assert found.startswith(f"train-8b: {said}") if said else found == ""


def test_the_engine_that_asks_makes_no_training_anew(params: Params) -> None:
    assert decisive(with_engine(params, "transformers"), []) == decisive(params, [])
