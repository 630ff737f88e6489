"""Arithmetic and traffic of a step against numbers worked out by hand."""

import pytest

from stages.train.params import Training, load
from tests.architecture.closure import ROOT
from tools.plan.candidates import on_cpu
from tools.plan.gpus import GPUS
from tools.plan.shapes import SHAPES
from tools.plan.speed import EFFICIENCY, dequantisation, flops_per_token, step_seconds

SHAPE, GPU = SHAPES["Llama-3.1-8B"], GPUS["A100-80"]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Training:
    monkeypatch.chdir(ROOT)
    return load("8b", "llama").profile


def test_flops_of_a_token(settings: Training) -> None:
    full = settings.model_copy(update={"method": "full"})
    weights = SHAPE.parameters - 128256 * 4096  # looking a word up is no product
    attention = 2 * 32 * 4096 * 2048  # 2·layers·hidden·context, forward; half of it is causal
    plain, again = (on_cpu(batch=1).model_copy(update={"checkpointing": again}) for again in (False, True))
    assert flops_per_token(SHAPE, full, 2048, plain) == 6 * weights + 3.5 * attention
    assert flops_per_token(SHAPE, full, 2048, again) == 8 * weights + 4.5 * attention
    assert flops_per_token(SHAPE, settings, 2048, plain) == 4 * weights + 3.5 * attention
    packed, two = settings.model_copy(update={"packing": True}), plain.model_copy(update={"rows_per_device": 2})
    assert flops_per_token(SHAPE, packed, 2048, two) == 4 * weights + 4 * 3.5 * attention, "twice as long, and whole"
    flash = two.model_copy(update={"attention": "flash_attention_2"})
    assert flops_per_token(SHAPE, packed, 2048, flash) == 4 * weights + 3.5 * attention


def test_nf4_weights_are_read_and_written_in_every_pass(settings: Training) -> None:
    nf4 = settings.model_copy(update={"lora": settings.lora.model_copy(update={"quantization": "nf4"})})
    one = on_cpu(batch=2)
    in_linears = SHAPE.parameters - 2 * 128256 * 4096
    seconds = 2 * in_linears * (4.127 / 8 + 4) / 2039e9  # half a byte read, two written and read again, twice
    assert dequantisation(SHAPE, nf4, one, GPU) == pytest.approx(seconds)
    assert dequantisation(SHAPE, settings, one, GPU) == 0
    times = [step_seconds(SHAPE, which, 2048, 64, one, GPU)[0] for which in (settings, nf4)]
    assert times[1] - times[0] == pytest.approx(64 / 2 * seconds), "of each of 32 passes"


def test_traffic_of_a_step(settings: Training) -> None:
    full, total = settings.model_copy(update={"method": "full"}), SHAPE.parameters
    base = on_cpu(batch=2).model_copy(update={"num_processes": 8})

    def traffic(zero: int, which: Training, **more: object) -> tuple[float, float]:
        return step_seconds(SHAPE, which, 2048, 64, base.model_copy(update={"zero": zero, **more}), GPU)[1:]

    # ZeRO-2 reduces 16-bit gradients, 2 each way; ZeRO-3 gathers 16-bit weights twice in each of 64 / (8·2) passes
    # besides
    assert traffic(2, full) == pytest.approx((2 * 2 * total * 7 / 8 / 300e9, 0))
    assert traffic(3, full) == pytest.approx(((2 * 2 * total + 4 * 2 * 2 * total) * 7 / 8 / 300e9, 0))
    assert traffic(2, settings)[0] == pytest.approx(2 * 2 * 3_407_872 * 7 / 8 / 300e9)
    # gradients down and weights up, an eighth each; Adam on the host
    assert traffic(2, full, offload_optimizer=True)[1] == pytest.approx(2 * 2 * total / 8 / 32e9 + total / 4e9)


def test_arithmetic_is_shared(settings: Training) -> None:
    one, eight = (
        step_seconds(SHAPE, settings, 2048, 64, on_cpu(batch=2).model_copy(update={"num_processes": n, "zero": 2}), GPU)
        for n in (1, 8)
    )
    assert one[0] == pytest.approx(
        64 * 2048 * flops_per_token(SHAPE, settings, 2048, on_cpu(batch=2)) / (312e12 * EFFICIENCY)
    )
    assert one[0] == pytest.approx(8 * eight[0])
    assert one[1] == 0
