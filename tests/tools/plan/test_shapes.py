"""Parameter counts are those that the papers and the model cards give, and those of real models."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from tests.architecture.closure import ROOT
from tools.plan.shapes import SHAPES, find, from_config, lora_parameters, parameters

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.mark.parametrize(
    ("name", "billions"),
    [("Llama-3.1-8B", 8.03), ("Llama-3.1-70B", 70.6), ("Llama-3.1-405B", 405.9), ("Llama-2-7b", 6.74)],
)
def test_parameter_counts(name: str, billions: float) -> None:
    assert parameters(SHAPES[name]) / 1e9 == pytest.approx(billions, abs=0.05)


@pytest.mark.parametrize(
    ("name", "rank", "count"),
    [
        ("Llama-2-7b", 8, 4_194_304),
        ("Llama-3.1-8B", 8, 3_407_872),
        ("Llama-2-70b", 8, 16_384_000),
        ("Llama-2-70b", 64, 131_072_000),
    ],
)
def test_lora_counts_on_q_and_v(name: str, rank: int, count: int) -> None:
    assert lora_parameters(SHAPES[name], rank, ["q_proj", "v_proj"], dora=False) == count


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dora", [False, True])
def test_counts_are_those_of_a_real_model(tied: bool, dora: bool, tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=96,
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    config.tie_word_embeddings = tied
    config.save_pretrained(tmp_path)
    shape = find(str(tmp_path))
    model = LlamaForCausalLM(config)
    assert parameters(shape) == sum(p.numel() for p in model.parameters())
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules=LINEARS, use_dora=dora, task_type="CAUSAL_LM"))
    assert lora_parameters(shape, 4, LINEARS, dora) == sum(p.numel() for p in tuned.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3.1-8B", "llama-3.1-8b"])
def test_a_name_is_known_without_a_network(name: str) -> None:
    assert find(name) == SHAPES["Llama-3.1-8B"]


def test_the_laptop_students_have_shapes() -> None:
    for student in ("8b", "70b"):
        base = ROOT / f"data/laptop/models/base-{student}"
        with torch.device("meta"):
            model = LlamaForCausalLM(LlamaConfig.from_pretrained(base))
        assert parameters(find(str(base))) == sum(p.numel() for p in model.parameters())


def test_what_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"plan: --model nobody/nothing: got neither a folder with config.json, nor one of Llama-2-7b"
    ):
        find("nobody/nothing")
    (tmp_path / "config.json").write_text('{"vocab_size": 3}')
    with pytest.raises(
        SystemExit, match="lacks hidden_size, intermediate_size, num_hidden_layers, num_attention_heads"
    ):
        from_config(tmp_path / "config.json")
    with pytest.raises(SystemExit, match="lora.targets has query, wanted some of q_proj"):
        lora_parameters(SHAPES["Llama-2-7b"], 8, ["query"], dora=False)
