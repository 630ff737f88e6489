"""An adapter that vLLM cannot serve is merged once, and the whole answers as the adapter does."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForCausalLM, LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.sampling import merging
from stages.sampling.request import Model
from stages.sampling.transformers import TransformersEngine
from stages.sampling.vllm import Weights, find_weights
from tests.architecture.closure import ROOT
from tests.sampling.test_transformers import requests

BASE = ROOT / "data/laptop/models/base-8b"


@pytest.mark.parametrize(("rank", "served"), [(4, 8), (8, 8), (12, 16), (65, 128), (257, 320), (512, 512)])
def test_a_rank_is_served_under_one_that_vllm_knows(rank: int, served: int) -> None:
    assert merging.served_rank(rank) == served


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A DoRA student of the laptop's small base, whose adapter changes replies."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(BASE)
    config = LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, use_dora=True, task_type="CAUSAL_LM"
    )
    get_peft_model(base, config).save_pretrained(str(tmp_path / "student"))
    AutoTokenizer.from_pretrained(BASE).save_pretrained(str(tmp_path / "student"))
    return Model("vllm", str(tmp_path / "student"), "0123abcd", "float32", None, None)


def test_a_dora_student_is_merged_and_answers_alike(student: Model, tmp_path: Path) -> None:
    found = find_weights(student)
    whole = tmp_path / ".potstill/merged/0123abcd-float32"
    assert found == Weights(str(whole), None, None, 0)
    written = (whole / "model.safetensors").stat().st_mtime_ns
    assert find_weights(student) == found
    assert (whole / "model.safetensors").stat().st_mtime_ns == written, "once"
    assert [path.name for path in whole.parent.iterdir()] == [whole.name]
    logits = {}
    for name, load in (
        (student.name, AutoPeftModelForCausalLM),
        (str(whole), AutoModelForCausalLM),
        (str(BASE), AutoModelForCausalLM),
    ):
        with torch.no_grad():
            logits[name] = load.from_pretrained(name, dtype=torch.float32)(input_ids=torch.arange(1, 40)[None]).logits
    assert torch.allclose(logits[str(whole)], logits[student.name], atol=1e-4)
    assert not torch.allclose(logits[str(whole)], logits[str(BASE)], atol=1e-2), "the adapter plays its part"
    asked, texts = requests(40, 0.0), {}
    for name in (student.name, str(whole)):
        engine = TransformersEngine(replace(student, engine="transformers", name=name))
        texts[name] = [reply.text for batch in engine.ask(asked) for _, reply in batch]
    assert texts[str(whole)] == texts[student.name], "transformers itself would lose the magnitudes"
