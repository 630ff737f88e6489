"""The paper's rule of thumb comes out of the numbers, and what does not fit is said with what would."""

import importlib.util
import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from stages.train.parallelism import Parallelism, load
from stages.train.params import load as load_params
from tests.architecture.closure import ROOT
from tools.plan import asking, gpus
from tools.plan.__main__ import main
from tools.plan.candidates import candidates


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> Parallelism:
    main([*arguments, "--json"])
    return Parallelism.model_validate_json(capsys.readouterr().out)


def test_weights_that_corda_parts_are_not_parted_by_zero_too() -> None:
    settings = load_params("70b", "llama").profile
    corda = settings.model_copy(update={"lora": settings.lora.model_copy(update={"init": "corda-ipm"})})
    stages = [{found.zero for found in candidates(some, gpus.named("A10"), 8, None)} for some in (settings, corda)]
    assert stages == [{0, 1, 2, 3}, {0, 1, 2}]


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    main([*arguments])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "zero", "checkpointing", "offloaded"),
    [
        (("8b", "--gpus", "1", "--gpu-memory", "24"), 0, True, False),
        (("8b", "--gpus", "1", "--gpu-memory", "80"), 0, False, False),
        (("8b", "--gpus", "8", "--gpu-memory", "80"), 2, False, False),  # the paper's default: ZeRO-2 + LoRA
        (
            ("70b", "--gpus", "8", "--gpu-memory", "80"),
            3,
            True,
            False,
        ),  # for very large models: ZeRO-3 + LoRA + checkpointing
        (("70b", "--gpus", "4", "--gpu-memory", "80"), 3, True, False),  # for few GPUs: ZeRO-3 + LoRA + checkpointing
        (("70b", "--gpus", "8", "--gpu-memory", "80", "--context", "4096"), 3, True, False),
        (("70b", "--gpus", "2", "--gpu-memory", "80"), 3, True, True),  # offload last
        (("70b", "--gpus", "8", "--gpu-memory", "80", "--model", "Llama-3.1-405B"), 3, True, True),
        (("70b", "--gpus", "16", "--gpu-memory", "80", "--model", "Llama-3.1-405B"), 3, True, False),
        (("8b", "--gpus", "8", "--gpu-memory", "80", "--method", "full"), 2, False, False),
        (("70b", "--gpus", "8", "--gpu-memory", "80", "--method", "full"), 3, True, True),
    ],
)
def test_the_parallelism(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], zero: int, checkpointing: bool, offloaded: bool
) -> None:
    found = plan(capsys, *arguments)
    assert (found.zero, found.checkpointing, found.offload_optimizer) == (zero, checkpointing, offloaded)
    last = shown(capsys, *arguments)[-1]
    assert last.startswith(f"recommended: ZeRO-{zero} + ")
    assert " GB, " in last


def test_what_would_fit_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    last = shown(capsys, "70b", "--gpus", "2", "--gpu-memory", "80")[-1]
    assert (
        "nothing fits without offload, which needs 141 GB of the machines' memory; 4 GPUs of this size would do; "
        "QLoRA would fit" in last
    )
    with pytest.raises(
        SystemExit, match=r"^nothing fits: rows of \d+ tokens would fit \(--context; max_length in params.yaml\)$"
    ):
        main(["8b", "--gpus", "1", "--gpu-memory", "24", "--context", "65536", "--json"])
    assert capsys.readouterr().out == ""


def test_a_longer_context_needs_checkpointing(capsys: pytest.CaptureFixture[str]) -> None:
    assert not plan(capsys, "8b", "--gpus", "8", "--gpu-memory", "80", "--context", "8192").checkpointing
    assert plan(capsys, "8b", "--gpus", "8", "--gpu-memory", "80", "--context", "32768").checkpointing


def test_a_laptop_has_one_process_and_the_whole_batch(capsys: pytest.CaptureFixture[str]) -> None:
    found = plan(capsys, "8b")
    assert (found.num_processes, found.zero, found.rows_per_device, found.peak_flops) == (1, 0, 16, None)


def test_flash_attention_is_for_gpus_that_have_it_and_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpus.attention(gpus.GPUS["A100-80"]) == ("flash_attention_2" if find_spec("flash_attn") else "sdpa")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert [gpus.attention(gpus.GPUS[name]) for name in ("V100", "T4", "A100-80")] == [
        "sdpa",
        "sdpa",
        "flash_attention_2",
    ]


def test_an_old_gpu_has_no_bfloat16() -> None:
    with pytest.raises(
        SystemExit,
        match="plan: V100 has compute capability 7.0 and no bfloat16, wanted 8.0 or more; or set precision: float32",
    ):
        main(["8b", "--gpus", "8", "--gpu", "V100"])


def test_the_peak_is_that_of_the_precision(capsys: pytest.CaptureFixture[str]) -> None:
    named = ("8b", "--gpus", "1", "--gpu", "A100-80")
    assert plan(capsys, *named).peak_flops == 312e12
    assert plan(capsys, *named, "--profile", "laptop").peak_flops == 19.5e12  # float32 outside tensor cores


@pytest.mark.parametrize(
    ("device", "size", "name"),
    [
        ("NVIDIA A100-SXM4-80GB", 85e9, "A100-80"),
        ("NVIDIA A100-PCIE-40GB", 42e9, "A100-40"),
        ("NVIDIA H100 80GB HBM3", 85e9, "H100"),
        ("NVIDIA L40S", 48e9, "L40S"),
        ("NVIDIA GeForce RTX 4090", 25e9, "RTX-4090"),
        ("NVIDIA T400 4GB", 4e9, "T4"),  # by size alone
        ("NVIDIA A10G", 24e9, "L4"),
    ],
)
def test_a_gpu_is_known_by_its_name_else_by_its_size(
    monkeypatch: pytest.MonkeyPatch, device: str, size: float, name: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    monkeypatch.setattr(
        torch.cuda,
        "get_device_properties",
        lambda index: SimpleNamespace(name=device, total_memory=size, major=8, minor=0),
    )
    number, known, gpu = gpus.found() or pytest.fail("no GPU")
    assert (number, known, gpu.memory) == (8, name, size)


def test_a_cpu_machine_too_small_for_the_states(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        SystemExit,
        match=(
            r"^nothing fits: Llama-3.1-405B needs \d+ GB for its states alone, and this machine has \d+ GB and no GPU$"
        ),
    ):
        main(["8b", "--method", "full", "--model", "Llama-3.1-405B", "--json"])
    assert capsys.readouterr().out == ""


def test_cost_is_printed_where_a_price_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("8b", "--gpus", "8", "--gpu-memory", "80")
    assert not any("cost" in line for line in shown(capsys, *arguments))
    header, *lines = [
        line.split()
        for line in shown(capsys, *arguments, "--price", "2.5")
        if "GPU-hours" in line or line.startswith("ZeRO-2 + LoRA  ")
    ]
    assert header[-2:] == ["cost", "fits"]
    hours, cost = map(float, lines[0][-3:-1])
    assert cost == pytest.approx(2.5 * hours, abs=2.5 * 0.005 + 0.005)  # both are rounded


def test_gpus_of_no_size_and_a_batch_that_cannot_be_shared(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="plan: got GPUs of no size, wanted --gpu-memory GB or --gpu NAME"):
        main(["8b", "--gpus", "2"])
    with pytest.raises(
        SystemExit,
        match="plan: a batch of 64 rows cannot be shared by 6 GPUs; change batch_size in params.yaml, or --batch",
    ):
        main(["8b", "--gpus", "6", "--gpu-memory", "80"])
    with pytest.raises(SystemExit, match="plan: --gpu abacus: wanted one of T4, L4"):
        main(["8b", "--gpus", "2", "--gpu", "abacus"])


def test_a_host_file_names_the_gpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("first slots=8\n# second slots=8\nthird slots=4  # half of them\n")
    assert asking.slots(str(hosts)) == 12
    found = plan(capsys, "70b", "--hostfile", str(hosts), "--gpu", "H100", "--batch", "48")
    assert (found.num_processes, found.hostfile) == (12, str(hosts))
    assert found.zero > 0, "several machines are started by DeepSpeed"


def test_what_is_written_is_what_training_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    chosen = plan(capsys, "8b", "--gpus", "8", "--gpu-memory", "80", "--write")
    assert load("8b", tmp_path / ".potstill") == chosen
    file = tmp_path / ".potstill/parallelism-8b.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"zero": 7, "extra": 1}))
    with pytest.raises(
        SystemExit,
        match=(
            r"parallelism-8b.json is no parallelism: zero: Input should be 0, 1, 2 or 3, got 7; extra: Extra inputs "
            r".*; remove it"
        ),
    ):
        load("8b", tmp_path / ".potstill")
    file.unlink()
    assert load("8b", tmp_path / ".potstill").num_processes == 1, "without a file the planner is asked"
