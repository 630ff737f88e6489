"""What an objective takes beside a plain training: by hand, and as a real pass holds it."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from stages.train.lesson import Lesson
from stages.train.memory import Memory
from stages.train.objectives.table import OBJECTIVES
from stages.train.parallelism import Parallelism
from stages.train.params import Training, load
from stages.train.trainer import Trainer
from tests.architecture.closure import ROOT
from tests.settings import copy_settings
from tools.plan import activations, candidates, gpus, memory, objectives, speed
from tools.plan.__main__ import main
from tools.plan.candidates import on_cpu
from tools.plan.objectives import PLAIN, Held, of_objective
from tools.plan.shapes import SHAPES, Shape

LLAMA = SHAPES["Llama-3.1-8B"]
SMALL = Shape(
    vocabulary=8192,
    hidden=32,
    intermediate=64,
    layers=2,
    heads=2,
    kv_heads=2,
    head_size=16,
    tied=False,
    head_norms=False,
    parameters=544_928,
)
CONSTANTS: dict[str, dict[str, Any]] = {
    "forward_kl": {"cross_entropy": 0.5},
    "jensen_shannon": {"cross_entropy": 0.5, "beta": 0.5},
    "own_earlier": {"share": 0.8, "top_k": 4},
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Training:
    monkeypatch.chdir(ROOT)
    return load("8b", "llama").profile


def peak_of_a_pass(name: str, precision: str, autocast: bool, rows: int, context: int) -> int:
    """Bytes that torch's allocator holds at most from the decoder's output to its gradient, all tokens learnt. Under
    autocast accelerate hands out logits in float32."""
    objective, tokens, k = OBJECTIVES[name], rows * (context - 1), 4
    hidden_BTH, head_VH = (
        torch.randn(*shape, dtype=getattr(torch, precision))
        for shape in ((rows, context, SMALL.hidden), (SMALL.vocabulary, SMALL.hidden))
    )
    hidden_BTH.requires_grad_()
    labels_BT = torch.randint(0, SMALL.vocabulary, (rows, context))
    labels_N = labels_BT[:, 1:].reshape(-1)
    remembered = Memory(labels_N.numpy(), k) if objective.needs == "memory" else None
    lesson = Lesson(objective, objective.constants.model_validate(CONSTANTS[name]), {}, remembered)
    brought = {"weights_BT": torch.ones(rows, context), "slots_N": torch.arange(tokens)}
    brought["ids_NK"] = torch.arange(k).repeat(tokens, 1)
    brought["logprobs_NK"] = torch.full((tokens, k), -3.0)
    trainer: Any = SimpleNamespace(
        _lesson=lesson, state=SimpleNamespace(epoch=0), args=SimpleNamespace(num_train_epochs=1)
    )

    def model(**inputs: Any) -> Any:
        logits_BTV = hidden_BTH @ head_VH.T
        return SimpleNamespace(logits=logits_BTV.float() if autocast else logits_BTV)

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        out = Trainer._forward(trainer, model, brought, labels=labels_BT, fused_lm_head=True)
        (-out.log_probs.sum()).backward()
    profiler: Any = found.profiler
    changes = [event for event in profiler.kineto_results.events() if event.name() == "[memory]"]
    return max(np.cumsum([event.nbytes() for event in sorted(changes, key=lambda event: event.start_ns())]))


@pytest.mark.parametrize("name", CONSTANTS)
@pytest.mark.parametrize(("precision", "zero"), [("float32", 0), ("bfloat16", 0), ("bfloat16", 2)])
def test_whole_logits_are_those_of_a_real_pass(settings: Training, precision: str, zero: int, name: str) -> None:
    settings = settings.model_copy(update={"precision": precision})
    for rows, context in ((1, 65), (2, 33)):
        parallelism = on_cpu(batch=rows).model_copy(update={"zero": zero})
        measured = peak_of_a_pass(name, precision, activations.autocasts(settings, parallelism), rows, context)
        found = memory.whole_logits(SMALL, settings, context, parallelism)
        assert found == pytest.approx(measured, rel=0.05)


def test_whole_logits_by_hand(settings: Training) -> None:
    """Llama-3.1-8B, one row of 2,048 tokens: seven numbers in float32 of each word, and the decoder's output."""
    parallelism = on_cpu(batch=1)
    found = memory.whole_logits(LLAMA, settings, 2048, parallelism)
    assert found == 7 * 4 * 2048 * 128256 + (2 + 2) * 2048 * 4096
    full = settings.model_copy(update={"method": "full"})
    assert memory.whole_logits(LLAMA, full, 2048, parallelism) == (
        7 * 4 * 2048 * 128256 + (4 + 2) * 2048 * 4096 + 2 * 2 * 128256 * 4096
    ), "autocast's copy of the head and of its gradient besides"


def test_which_objectives_hold_what() -> None:
    found = {name: of_objective(objective, SimpleNamespace(top_k=8), None) for name, objective in OBJECTIVES.items()}
    assert found["plain"] == found["redi"] == PLAIN
    assert found["forward_kl"] == found["taid"] == found["gold_where_unsure"] == Held(whole_logits=True)
    assert found["own_earlier"] == Held(whole_logits=True, remembered=8, alone=True)
    assert of_objective(OBJECTIVES["dpo"], None, None) == Held(sequences=2)
    assert of_objective(OBJECTIVES["on_policy"], None, LLAMA) == Held(teacher=LLAMA, alone=True)


def test_a_pair_is_two_sequences_in_a_pass(settings: Training) -> None:
    one, two = (on_cpu(batch=rows) for rows in (1, 2))
    pair, plain = (
        memory.estimate(LLAMA, settings, 512, parallelism, holds)
        for parallelism, holds in ((one, Held(sequences=2)), (two, PLAIN))
    )
    assert pair == plain
    gpu = gpus.named("A100-80")
    single, double = (speed.seconds_per_1000(LLAMA, settings, 512, 64, one, gpu, sequences) for sequences in (1, 2))
    assert double == pytest.approx(2 * single), "one GPU has no traffic"


def test_a_teacher_lies_on_each_gpu_and_reads_in_tiles(settings: Training) -> None:
    parallelism = on_cpu(batch=1).model_copy(update={"num_processes": 8, "zero": 2})
    teacher = SHAPES["Llama-3.1-70B"]
    plain, found = (
        memory.estimate(LLAMA, settings, 2048, parallelism, holds) for holds in (PLAIN, Held(teacher=teacher))
    )
    assert found.weights - plain.weights == 2 * teacher.parameters
    assert found.logits - plain.logits == 2 * 4 * 2048 * 32768 + 2 * 2048 * 8192
    parted = memory.teacher_weights(teacher, settings, parallelism.model_copy(update={"zero": 3}))
    assert parted == 2 * teacher.parameters / 8
    # keys and values of 64 / 8 replies: 2 · 2 bytes, 32 layers, 8 heads of 128
    assert memory.reply_cache(LLAMA, settings, 2048, parallelism) == 2 * 2 * 32 * 8 * 128 * 2048 * 8


def test_the_tiles_of_the_divergence_are_trls() -> None:
    from trl.kernels.chunked_divergence import TOKEN_CHUNK_SIZE, VOCAB_CHUNK_SIZE

    assert (TOKEN_CHUNK_SIZE, VOCAB_CHUNK_SIZE) == memory.TILE


def test_a_large_vocabulary_leaves_room_for_fewer_rows(settings: Training) -> None:
    """128,256 words of 2,048 tokens are 7.4 GB a row."""
    gpu = gpus.named("A100-80")
    plain, distilled = (
        candidates.choose(candidates.plan(LLAMA, settings, 2048, 64, gpu, 8, None, holds))
        for holds in (PLAIN, Held(whole_logits=True))
    )
    assert plain
    assert distilled
    assert distilled.parallelism.rows_per_device < plain.parallelism.rows_per_device
    same = plain.parallelism
    more = memory.estimate(LLAMA, settings, 2048, same, Held(whole_logits=True)).peak - plain.memory.peak
    assert more / same.rows_per_device == pytest.approx(7 * 4 * 2048 * 128256, rel=0.05)


def test_bytes_and_cost_by_hand() -> None:
    """A million rows of 150 tokens: 24 GB of 20 tokens each, 12 bytes of each remembered one, and a price."""
    assert objectives.probability_bytes(150e6, 20) == 24e9
    remembered = Memory(np.zeros(100, np.int32), 8)
    assert objectives.memory_bytes(100, 8) == remembered.ids_SK.nbytes + remembered.logprobs_SK.nbytes
    assert objectives.pass_cost(150e6, 2.5) == 375
    assert objectives.pass_cost(150e6, None) is None


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "data/laptop/models", tmp_path / "data/laptop/models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_planner_says_what_the_objective_takes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_settings(place, "train.objective=forward_kl", "logits.top_k=20")
    main(["8b", "--gpus", "8", "--gpu-memory", "80"])
    assert (
        "objective forward_kl: its loss holds the logits of all tokens at once; the teacher's 20 most probable tokens "
        "(logits.top_k) are at most 327.7 GB for a million rows in data/logits before compression, as much in "
        ".potstill/logits, and as much while it trains; a pass of the teacher reads at most 2,048 million tokens for "
        "them, cost unknown\n"
    ) in capsys.readouterr().out
    main(["8b"])  # 256 tokens a row at 0.889 a million
    assert "reads at most 256 million tokens for them, cost at most 227.58" in capsys.readouterr().out


def test_what_one_process_remembers_is_planned_for_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_settings(place, "train.objective=own_earlier")
    named = ["8b", "--gpus", "8", "--gpu-memory", "80"]
    main(named)
    told = (
        "one process remembers 8 tokens at each learnt one: at most 196.6 GB of the machine's memory for a million rows"
    )
    assert told in capsys.readouterr().out
    main([*named, "--json"])
    assert Parallelism.model_validate_json(capsys.readouterr().out).num_processes == 1


def test_a_plain_training_takes_nothing_besides(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_settings(place)
    main(["8b", "--gpus", "8", "--gpu-memory", "80"])
    assert "objective" not in capsys.readouterr().out
