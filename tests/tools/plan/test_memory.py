"""The formulas give the papers' figures, and the bytes that real tensors of small Llamas take."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from stages.train.params import Training, load
from tests.architecture.closure import ROOT
from tools.plan import memory
from tools.plan.candidates import on_cpu
from tools.plan.shapes import SHAPES, Shape

SMALL = Shape(
    vocabulary=1024,
    hidden=256,
    intermediate=896,
    layers=4,
    heads=8,
    kv_heads=2,
    head_size=32,
    tied=False,
    head_norms=False,
    parameters=3_934_464,
)
# GB of each GPU with 8 of them: none, ZeRO-1, ZeRO-2, ZeRO-3, LoRA + ZeRO-2, LoRA + ZeRO-3
TABLE = {
    8.03: (128.5, 44.2, 30.1, 16.1, 16.1, 2.0),
    70.6: (1129.6, 388.3, 264.8, 141.2, 141.2, 17.7),
    180: (2880, 990, 675, 360, 360, 45),
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Training:
    monkeypatch.chdir(ROOT)
    return load("8b", "llama").profile


@pytest.mark.parametrize("billions", TABLE)
def test_model_states_are_those_of_the_paper(billions: float) -> None:
    stages = [(None, 0), (None, 1), (None, 2), (None, 3), (0, 2), (0, 3)]  # the adapter is left out of the table
    found = [memory.model_states(billions, trained, zero, 8) for trained, zero in stages]
    assert found == pytest.approx(TABLE[billions], abs=0.06)


def test_a_billion_in_float32_takes_24_gb() -> None:
    """16 of states; about 8 of activations and temporaries, which depend on the context."""
    assert sum(memory.states(1, 0, 4, 0, 1, 4)) == 16


def model_of(shape: Shape, settings: Training) -> Any:
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        tie_word_embeddings=shape.tied,
    )
    model = LlamaForCausalLM(config).to(getattr(torch, settings.precision))
    lora = settings.lora
    return (
        model
        if settings.method == "full"
        else get_peft_model(model, LoraConfig(r=lora.rank, target_modules=lora.targets, task_type="CAUSAL_LM"))
    )


@pytest.mark.parametrize("method", ["full", "lora"])
def test_states_are_those_of_a_real_step_without_deepspeed(settings: Training, method: str) -> None:
    settings = settings.model_copy(update={"method": method, "precision": "float32"})
    model = model_of(SMALL, settings)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    model(input_ids=torch.zeros((1, 8), dtype=torch.long), labels=torch.zeros((1, 8), dtype=torch.long)).loss.backward()
    optimizer.step()
    measured = (
        sum(p.nbytes for p in model.parameters()),
        sum(p.grad.nbytes for p in trained),
        sum(value.nbytes for state in optimizer.state.values() for value in state.values() if value.numel() > 1),
    )
    found = memory.estimate(SMALL, settings, 8, on_cpu(batch=1))
    assert (found.weights, found.gradients, found.optimizer) == pytest.approx(measured, rel=0.05)


needs_deepspeed = pytest.mark.skipif(
    not find_spec("deepspeed") or not shutil.which("g++"),
    reason="DeepSpeed is not installed, or there is no g++ for it",
)


@needs_deepspeed
@pytest.mark.slow
@pytest.mark.parametrize("num_processes", [1, 2])
def test_states_are_those_that_deepspeed_holds(num_processes: int) -> None:
    """Weights, gradients and optimizer states of the first process under ZeRO-1, 2 and 3, in bfloat16."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nproc_per_node={num_processes}",
        "--master_port=0",
        "--rdzv-backend=c10d",
    ]
    command += ["--rdzv-endpoint=localhost:0", str(Path(__file__).parent / "zero_states.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"method"')]
    assert len(lines) == 6
    for line in lines:
        total = SMALL.parameters
        trained, frozen = (total, 0) if line["method"] == "full" else (line["trained"], total)
        expected = memory.states(trained, frozen, 2, line["zero"], num_processes, 2)
        measured = (line["weights"], line["gradients"], line["optimizer"])
        assert sum(measured) == pytest.approx(sum(expected), rel=0.05), line
        assert measured == pytest.approx(expected, rel=0.05, abs=0.01 * sum(expected)), line


def test_qlora_weights_are_a_quarter(settings: Training) -> None:
    """Llama-3.1-70B: 68.45 billion in linear layers and norms at 4.127 bits, 2.10 billion in embeddings at 16."""
    nf4 = settings.model_copy(update={"lora": settings.lora.model_copy(update={"quantization": "nf4"})})
    found = memory.estimate(SHAPES["Llama-3.1-70B"], nf4, 2048, on_cpu(batch=1))
    adapter = 4 * memory.trainable(SHAPES["Llama-3.1-70B"], nf4)
    assert found.weights - adapter == pytest.approx(68.45e9 * 4.127 / 8 + 2.10e9 * 2, rel=0.001)


def test_offload_moves_states_to_the_host(settings: Training) -> None:
    shape = SHAPES["Llama-3.1-8B"]
    full = settings.model_copy(update={"method": "full"})
    kept = on_cpu(batch=1).model_copy(update={"num_processes": 8, "zero": 3})
    moved = kept.model_copy(update={"offload_optimizer": True, "offload_parameters": True})
    here, there = memory.estimate(shape, full, 2048, kept), memory.estimate(shape, full, 2048, moved)
    assert here.weights + here.gradients + here.optimizer == pytest.approx(16 * shape.parameters / 8)
    assert (there.weights, there.gradients, there.optimizer) == (0, 0, 0)
    assert there.host == pytest.approx(16 * shape.parameters / 8)


def test_the_tile_of_logits_is_trls() -> None:
    from trl.kernels.chunked_logprob import TOKEN_CHUNK_SIZE
    from trl.trainer.utils import _CHUNKED_LOGPROB_CHUNK_SIZE

    assert (TOKEN_CHUNK_SIZE, _CHUNKED_LOGPROB_CHUNK_SIZE) == memory.TILE


def test_logits_are_those_of_one_tile(settings: Training) -> None:
    """Llama-3.1-8B, 4 rows of 2,048 tokens: all logits would be 2.1 GB in 16 bits."""
    shape, parallelism = SHAPES["Llama-3.1-8B"], on_cpu(batch=4)
    output = (2 + 4) * 4 * 2048 * 4096
    assert memory.logits(shape, settings, 2048, parallelism) == 2 * 4096 * 32768 + output
    full = settings.model_copy(update={"method": "full"})
    with_zero = parallelism.model_copy(update={"zero": 2})
    assert memory.logits(shape, full, 2048, with_zero) == 2 * 4096 * 32768 + output + 4 * 128256 * 4096
