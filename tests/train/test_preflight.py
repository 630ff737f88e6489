"""Training refuses to start on what would waste it, in one sentence."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from stages.train import preflight
from stages.train.examples import IGNORED, Tokens
from stages.train.parallelism import Parallelism
from stages.train.params import Params, load
from tests.architecture.closure import ROOT
from tools.plan.candidates import on_cpu

END = 9
A100 = preflight.Machine(
    (8, 0), 8, 10**12, frozenset({"deepspeed", "flash_attn", "liger_kernel", "bitsandbytes"}), has_compiler=True
)
CPU = preflight.Machine(None, 0, 10**12, frozenset({"deepspeed"}), has_compiler=True)
ROW = {"prompt": [{"role": "user", "content": "1 + 1 = ?"}], "completion": [{"role": "assistant", "content": "2"}]}


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(ROOT)
    return load("8b", "llama")


def with_profile(params: Params, **changes: Any) -> Params:
    return params.model_copy(update={"profile": params.profile.model_copy(update=changes)})


def parallelism(**changes: Any) -> Parallelism:
    return on_cpu(batch=4).model_copy(update=changes)


def test_rows_over_the_context_are_an_error_or_counted() -> None:
    assert preflight.overlong([10, 20, 30], "train", 20, "truncate", "8b") == 1
    assert preflight.overlong([10, 20], "train", 20, "error", "8b") == 0
    with pytest.raises(
        SystemExit,
        match=r"2 of 3 examples in data/selected/validation.jsonl have more than 15 tokens .the longest 30.; raise max_length, or set train.overlong",
    ):
        preflight.overlong([10, 20, 30], "validation", 15, "error", "8b")


def test_a_whole_mask_passes() -> None:
    preflight.loss_mask([Tokens([1, 2, 5, END], [IGNORED, IGNORED, 5, END])], "train", 1, {END}, "8b")


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"train-8b: line 1002 of data/selected/train.jsonl has an empty loss mask"):
        preflight.loss_mask(
            [Tokens([1, END], [IGNORED, END]), Tokens([1, END], [IGNORED, IGNORED])], "train", 1001, {END}, "8b"
        )


def test_a_masked_end_token_is_refused() -> None:
    endless = [Tokens([1, 5, END], [IGNORED, 5, END]), Tokens([1, 5, END], [IGNORED, 5, IGNORED])]
    where = "line 2 of data/selected/validation.jsonl"
    with pytest.raises(SystemExit, match=rf"train-8b: {where} has no end token \[9\] in its loss mask"):
        preflight.loss_mask(endless, "validation", 1, {END}, "8b")


def test_a_template_that_serves_another_prompt_is_refused() -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(ROOT / "data/laptop/models/base-8b")
    assert len(preflight.tokens([ROW], "train", 1, tokenizer, "8b")) == 1
    tokenizer.chat_template = "{{ 'trained' if messages[-1].role == 'assistant' else 'served' }}"
    worded = r"train-8b: the chat template words the prompt of line 1001 of data/selected/validation.jsonl otherwise .*"
    with pytest.raises(SystemExit, match=rf"{worded}\(served 'served', trained 'trained'\)"):
        preflight.tokens([ROW], "validation", 1001, tokenizer, "8b")
    tokenizer.chat_template = None
    with pytest.raises(SystemExit, match="train-8b: the model's tokenizer has no chat template, wanted one"):
        preflight.tokens([ROW], "train", 1, tokenizer, "8b")


def test_too_few_examples_for_a_step_are_refused(params: Params) -> None:
    preflight.one_step(64, params, "8b")
    with pytest.raises(
        SystemExit,
        match="train-8b: got 63 examples, wanted at least one step of 64; make more examples, or lower train.batch_size of student-8b",
    ):
        preflight.one_step(63, params, "8b")
    with pytest.raises(SystemExit, match="got 63 packed rows"):
        preflight.one_step(63, with_profile(params, packing=True), "8b")


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    preflight.disk_space(1e9, A100._replace(free_bytes=3 * 10**9), tmp_path, "8b")
    with pytest.raises(
        SystemExit,
        match=r"train-8b: got 2.9 GB free at .*, wanted 3.0 GB for 3 checkpoints; free some, or link .potstill/checkpoints",
    ):
        preflight.disk_space(1e9, A100._replace(free_bytes=29 * 10**8), tmp_path, "8b")


def test_a_checkpoint_holds_16_bytes_a_trained_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    params = load("8b")
    full = preflight.checkpoint_bytes(params)
    adapter = preflight.checkpoint_bytes(with_profile(params, method="lora"))
    assert adapter == 16 * 3 * 2 * (8 * 64 + 8 * 64)  # 3 layers, rank 8, q_proj and v_proj of 64 by 64
    assert full > 16 * 200_000


@pytest.mark.parametrize(
    ("changes", "asked", "machine", "message"),
    [
        (
            {},
            {},
            A100._replace(capability=(7, 0)),
            r"GPUs of CUDA capability \(7, 0\) have no bfloat16, wanted \(8, 0\) or later: set precision: float32",
        ),
        (
            {},
            {"attention": "flash_attention_2"},
            A100._replace(packages=frozenset()),
            "want flash_attn, which is not installed",
        ),
        (
            {"precision": "float32"},
            {"attention": "flash_attention_2"},
            A100,
            r"FlashAttention-2 needs a GPU of CUDA capability \(8, 0\) or later and",
        ),
        ({}, {"attention": "flash_attention_2"}, CPU._replace(packages=A100.packages), "FlashAttention-2 needs a GPU"),
        (
            {},
            {"zero": 2},
            A100._replace(packages=frozenset()),
            r"want deepspeed, which is not installed: install it \(pip install -e '.\[gpu\]'\)",
        ),
        ({}, {"liger": True}, CPU, "want liger_kernel, which is not installed"),
        (
            {},
            {"num_processes": 3, "rows_per_device": 2},
            A100,
            "batch_size is 64, which 3 processes of 2 rows cannot share evenly: change batch_size",
        ),
        ({}, {"num_processes": 16}, A100, "got 8 GPUs, wanted 16, one for each process: set num_processes"),
        ({}, {"offload_optimizer": True}, A100, "offload and several machines need ZeRO, got zero 0: set zero"),
        (
            {},
            {"zero": 2, "offload_optimizer": True, "offload_parameters": True},
            A100,
            "only ZeRO-3 can offload weights, got zero 2: set zero to 3",
        ),
        (
            {},
            {"zero": 2},
            CPU._replace(has_compiler=False),
            r"DeepSpeed compiles what it runs on a CPU, an offloaded optimizer too, and there is no g\+\+ with Python's",
        ),
        (
            {},
            {"zero": 2, "offload_optimizer": True},
            A100._replace(has_compiler=False),
            r"there is no g\+\+ with Python's headers: install them \(apt install g\+\+ python3-dev\)",
        ),
    ],
)
def test_what_the_machine_cannot_execute_is_refused(
    params: Params, changes: dict[str, Any], asked: dict[str, Any], machine: preflight.Machine, message: str
) -> None:
    with pytest.raises(SystemExit, match=f"^train-8b: .*{message}") as refused:
        preflight.machine(with_profile(params, **changes), parallelism(**asked), machine, "8b")
    assert str(refused.value).endswith(
        "or let `python -m tools.plan 8b --write` write .potstill/parallelism-8b.json anew"
    )


def test_quantized_weights_need_bitsandbytes_and_are_not_parted(params: Params) -> None:
    nf4 = with_profile(params, lora=params.profile.lora.model_copy(update={"quantization": "nf4"}))
    with pytest.raises(SystemExit, match="want bitsandbytes, which is not installed"):
        preflight.machine(nf4, parallelism(), CPU, "8b")
    with pytest.raises(SystemExit, match="nf4 weights cannot be parted by ZeRO-3: set zero to 2 or less"):
        preflight.machine(nf4, parallelism(zero=3), A100, "8b")


def test_corda_needs_whole_weights(params: Params) -> None:
    corda = with_profile(params, lora=params.profile.lora.model_copy(update={"init": "corda-ipm"}))
    preflight.machine(corda, parallelism(zero=2), A100, "8b")
    with pytest.raises(SystemExit, match="init corda-ipm needs whole weights, which ZeRO-3 parts: set zero to 2 or le"):
        preflight.machine(corda, parallelism(zero=3), A100, "8b")


def test_what_the_machine_can_execute_passes(params: Params) -> None:
    preflight.machine(
        params,
        parallelism(
            num_processes=8, zero=3, offload_optimizer=True, offload_parameters=True, attention="flash_attention_2"
        ),
        A100,
        "8b",
    )
    preflight.machine(params, parallelism(), preflight.look(ROOT), "8b")
