"""Parameter counts are those that the papers and the model cards give, and those of real models."""

import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM

from tests.architecture.closure import ROOT
from tools.plan import architecture
from tools.plan.__main__ import main
from tools.plan.shapes import SHAPES, find, lora_parameters, to_shape

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.mark.parametrize(
    ("name", "billions"),
    [("Llama-3.1-8B", 8.03), ("Llama-3.1-70B", 70.6), ("Llama-3.1-405B", 405.9), ("Llama-2-7b", 6.74)],
)
def test_parameter_counts(name: str, billions: float) -> None:
    assert SHAPES[name].parameters / 1e9 == pytest.approx(billions, abs=0.05)


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


MISTRAL = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}
# What differs from transformers' defaults of the family, and the parameters that the hub counts in the published weights
# (of DeepSeek-V3 without the router's biases, which are no parameters in transformers).
PUBLISHED = {
    "Mistral-7B-v0.1": ("mistral", MISTRAL, 7_241_732_096),
    "Mixtral-8x7B-v0.1": ("mixtral", MISTRAL, 46_702_792_704),
    "Qwen2-7B": (
        "qwen2",
        {
            "vocab_size": 152064,
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
        },
        7_615_616_512,
    ),
    "Qwen3-8B": (
        "qwen3",
        {"intermediate_size": 12288, "num_hidden_layers": 36, "num_key_value_heads": 8},
        8_190_735_360,
    ),
    "Qwen1.5-MoE-A2.7B": ("qwen2_moe", {}, 14_315_784_192),
    "gemma-2-9b": (
        "gemma2",
        {
            "hidden_size": 3584,
            "intermediate_size": 14336,
            "num_hidden_layers": 42,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
        },
        9_241_705_984,
    ),
    "gemma-3-4b-it": (
        "gemma3",
        {
            "text_config": {
                "vocab_size": 262208,
                "hidden_size": 2560,
                "intermediate_size": 10240,
                "num_hidden_layers": 34,
            },
            "vision_config": {
                "hidden_size": 1152,
                "intermediate_size": 4304,
                "num_hidden_layers": 27,
                "num_attention_heads": 16,
                "patch_size": 14,
                "image_size": 896,
                "vision_use_head": False,
            },
        },
        4_300_079_472,
    ),
    "phi-2": (
        "phi",
        {"vocab_size": 51200, "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 32},
        2_779_683_840,
    ),
    "gpt-neox-20b": ("gpt_neox", {}, 20_554_567_680),
    "gpt2": ("gpt2", {}, 124_439_808),
    "falcon-7b": ("falcon", {"num_attention_heads": 71, "bias": False, "parallel_attn": True}, 6_921_720_704),
    "DeepSeek-V2-Lite": (
        "deepseek_v2",
        {
            "vocab_size": 102400,
            "hidden_size": 2048,
            "intermediate_size": 10944,
            "moe_intermediate_size": 1408,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "n_shared_experts": 2,
            "n_routed_experts": 64,
            "q_lora_rank": None,
            "first_k_dense_replace": 1,
        },
        15_706_484_224,
    ),
    "DeepSeek-V3": ("deepseek_v3", {}, 671_026_419_200 - 58 * 256),
    "OLMo-7B-hf": ("olmo", {}, 6_888_095_744),
    "OLMo-2-1124-7B": ("olmo2", {"vocab_size": 100352}, 7_298_617_344),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_parameters_of_every_architecture_are_those_that_were_published(model: str, tmp_path: Path) -> None:
    family, changes, expected = PUBLISHED[model]
    AutoConfig.for_model(family, **changes).save_pretrained(tmp_path)
    config = architecture.read(tmp_path)
    assert architecture.count(config, tmp_path).parameters == expected


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_of_the_table_are_those_that_transformers_builds(name: str) -> None:
    shape = SHAPES[name]
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        tie_word_embeddings=shape.tied,
    )
    found = architecture.count(config, Path(name))
    assert to_shape(config, found.parameters) == shape
    assert architecture.lora_parameters(found.linears, 8, LINEARS, True) == lora_parameters(shape, 8, LINEARS, True)


def test_a_family_whose_activations_are_unknown_is_refused_with_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    AutoConfig.for_model("mixtral", **MISTRAL).save_pretrained(tmp_path)
    monkeypatch.chdir(ROOT)
    with pytest.raises(
        SystemExit,
        match=(
            rf"^plan: {tmp_path} is a mixtral of 46,702,792,704 parameters, whose activations were never compared with "
            r"a real model's, wanted one of llama, mistral, qwen2, qwen3; choose the parallelism yourself"
        ),
    ):
        main(["8b", "--gpus", "8", "--gpu", "H100", "--model", str(tmp_path)])
    with pytest.raises(SystemExit, match=rf"^nothing fits: {tmp_path} needs 747 GB for its states alone"):
        main(["8b", "--gpus", "0", "--method", "full", "--model", str(tmp_path)])  # 16 bytes a parameter


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
    assert shape.parameters == sum(p.numel() for p in model.parameters())
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
        assert find(str(base)).parameters == sum(p.numel() for p in model.parameters())


def test_a_model_that_was_fetched_by_its_commit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--org--model/snapshots/0123abc"
    folder.mkdir(parents=True)
    with pytest.raises(SystemExit, match="plan: --model org/model: got neither a folder"):
        find("org/model")
    shutil.copy(ROOT / "data/laptop/models/base-8b/config.json", folder)
    assert find("org/model") == find(str(ROOT / "data/laptop/models/base-8b"))


def test_what_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"plan: --model nobody/nothing: got neither a folder with config.json, nor one of Llama-2-7b"
    ):
        find("nobody/nothing")
    for text, fault in (
        ('{"vocab_size": 3}', "wanted the config.json of a model that transformers has"),
        ("{", "wanted the config.json of a model that transformers has"),
        ('{"model_type": "vit"}', "wanted the config.json of a causal language model"),
        ('{"model_type": "llama", "hidden_size": 0}', "wanted the config.json of a causal language model"),
    ):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(SystemExit, match=rf"^plan: {tmp_path}/config.json: .+; {fault}$"):
            find(str(tmp_path))
    with pytest.raises(SystemExit, match="lora.targets has query, wanted some of q_proj"):
        lora_parameters(SHAPES["Llama-2-7b"], 8, ["query"], dora=False)
