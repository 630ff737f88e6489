"""One place turns parameters and the parallelism into what accelerate, DeepSpeed, TRL and PEFT are told."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from stages.train.arguments import (
    COLLECTIVE_SECONDS,
    accumulation,
    launch_command,
    needs_launcher,
    num_threads,
    to_lora_config,
    to_model_arguments,
    to_sft_config,
)
from stages.train.parallelism import Parallelism
from stages.train.params import Params, load
from tests.architecture.closure import ROOT
from tools.plan.candidates import on_cpu


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(ROOT)
    return load("8b", "llama")


def changed(params: Params, **changes: Any) -> Params:
    return params.model_copy(update={"profile": params.profile.model_copy(update=changes)})


def parallelism(**changes: Any) -> Parallelism:
    return on_cpu(batch=4).model_copy(update=changes)


def options(params: Params, chosen: Parallelism) -> dict[str, str]:
    command = launch_command("8b", params, chosen, Path("parallelism.json"), 29500)
    assert command[-4:] == ["-m", "stages.train.worker", "8b", "parallelism.json"]
    words = command[3:-4]
    pairs = [
        (word, words[i + 1] if i + 1 < len(words) and not words[i + 1].startswith("--") else "")
        for i, word in enumerate(words)
    ]
    return {word: value for word, value in pairs if word.startswith("--")}


def test_one_process_without_zero_needs_no_launcher() -> None:
    assert not needs_launcher(parallelism(), num_gpus=0)
    assert not needs_launcher(parallelism(), num_gpus=1)
    assert needs_launcher(parallelism(), num_gpus=8)
    assert needs_launcher(parallelism(num_processes=2), num_gpus=0)
    assert needs_launcher(parallelism(zero=2, offload_optimizer=True), num_gpus=1)


def test_the_global_batch_is_kept(params: Params) -> None:
    for processes, rows in ((1, 4), (2, 8), (8, 8)):
        assert accumulation(params, parallelism(num_processes=processes, rows_per_device=rows)) * processes * rows == 64


def test_without_zero_it_is_torchrun(params: Params) -> None:
    found = options(params, parallelism(num_processes=2))
    assert (found["--num_processes"], found["--mixed_precision"]) == ("2", "bf16")
    assert "--multi_gpu" in found
    assert "--use_deepspeed" not in found


def test_zero_3_with_everything(params: Params, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("first slots=8\n\n# none\nsecond slots=8\n")
    found = options(
        params,
        parallelism(num_processes=16, zero=3, offload_optimizer=True, offload_parameters=True, hostfile=str(hosts)),
    )
    assert {name: found[name] for name in found if "offload" in name or "zero" in name} == {
        "--zero_stage": "3",
        "--offload_optimizer_device": "cpu",
        "--offload_param_device": "cpu",
        "--zero3_init_flag": "true",
        "--zero3_save_16bit_model": "true",
    }
    assert (found["--gradient_clipping"], found["--gradient_accumulation_steps"]) == ("1.0", "1")
    several = ("--num_machines", "--machine_rank", "--deepspeed_hostfile", "--deepspeed_multinode_launcher")
    assert [found[name] for name in several] == ["2", "0", str(hosts), "pdsh"]


def test_processes_share_the_cores_and_wait_for_one_that_loads(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(96)))
    hosts = tmp_path / "hosts"
    hosts.write_text("first slots=8\nsecond slots=8\n")
    assert num_threads(parallelism(num_processes=8)) == 12
    assert num_threads(parallelism(num_processes=16, hostfile=str(hosts))) == 12
    assert num_threads(parallelism(num_processes=200)) == 1
    config = to_sft_config(
        changed(params, precision="float32"), parallelism(), tmp_path, True, steps_per_epoch=1, validate=False
    )
    assert config.ddp_timeout == COLLECTIVE_SECONDS == 7200


def test_full_weights_are_kept_in_float32_unless_deepspeed_keeps_them(params: Params) -> None:
    full = changed(params, method="full")
    assert to_model_arguments(full, parallelism())["dtype"] == torch.float32
    assert to_model_arguments(full, parallelism(zero=2))["dtype"] == torch.bfloat16
    assert to_model_arguments(params, parallelism())["dtype"] == torch.bfloat16, "LoRA's frozen weights"


def test_quantized_weights_are_nf4_twice(params: Params) -> None:
    nf4 = changed(params, lora=params.profile.lora.model_copy(update={"quantization": "nf4"}))
    config = to_model_arguments(nf4, parallelism())["quantization_config"]
    assert (config.load_in_4bit, config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == (True, "nf4", True)
    assert "quantization_config" not in to_model_arguments(changed(nf4, method="full"), parallelism())


@pytest.mark.parametrize("dora", [False, True])
def test_lora_trains_rank_8_on_q_and_v_alone(params: Params, dora: bool) -> None:
    from peft import get_peft_model

    base: Any = AutoModelForCausalLM.from_pretrained("data/laptop/models/base-8b")
    model = get_peft_model(
        base, to_lora_config(changed(params, lora=params.profile.lora.model_copy(update={"dora": dora})))
    )
    trained = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    # 3 layers, hidden 64; q_proj and v_proj are 64 to 2 heads of 32, so A and B have 8 * 64 each, and a magnitude for each output
    assert all("q_proj.lora" in name or "v_proj.lora" in name for name in trained)
    assert sum(trained.values()) == 3 * 2 * (8 * 64 + 8 * 64 + (64 if dora else 0))


def test_the_trainer_is_told_the_parallelism(params: Params, tmp_path: Path) -> None:
    params = changed(params, precision="float32", batch_size=16)
    config = to_sft_config(params, parallelism(checkpointing=True), tmp_path, True, steps_per_epoch=10, validate=True)
    assert (config.per_device_train_batch_size, config.gradient_accumulation_steps, config.gradient_checkpointing) == (
        4,
        4,
        True,
    )
    assert (config.eval_steps, config.save_strategy, config.load_best_model_at_end) == (10, "best", True)
    last = params.model_copy(update={"train": params.train.model_copy(update={"keep": "last", "evals_per_epoch": 4})})
    config = to_sft_config(last, parallelism(), tmp_path, True, steps_per_epoch=10, validate=True)
    assert (config.eval_steps, config.save_strategy, config.load_best_model_at_end) == (2, "no", False)
