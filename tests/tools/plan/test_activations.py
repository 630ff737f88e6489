"""Activations are the bytes that real small models keep for the backward pass."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from stages.train.parallelism import Parallelism
from stages.train.params import Training, load
from tests.architecture.closure import ROOT
from tools.plan import activations
from tools.plan.candidates import on_cpu
from tools.plan.shapes import CHECKED, Shape, linears

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
LINEARS = list(linears(SMALL))
# precision and ZeRO stage: without DeepSpeed bfloat16 is torch.autocast's
REGIMES = [("float32", 0), ("bfloat16", 0), ("bfloat16", 2)]
METHODS = {
    "full": {"method": "full"},
    "q and v": {"targets": ["q_proj", "v_proj"]},
    "all": {"targets": LINEARS},
    "DoRA": {"targets": ["q_proj", "v_proj"], "dora": True},
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Training:
    monkeypatch.chdir(ROOT)
    return load("8b", "llama").profile


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """More of them cost small models ten times the time where other processes are at work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def changed(settings: Training, precision: str, method: str) -> Training:
    update = dict(METHODS[method])
    chosen: dict[str, Any] = {"method": update.pop("method", "lora"), "precision": precision}
    return settings.model_copy(update=chosen | {"lora": settings.lora.model_copy(update=update)})


def model_of(settings: Training, parallelism: Parallelism, family: str = "llama") -> Any:
    """As stages/train builds it, and DeepSpeed casts it."""
    config = AutoConfig.for_model(
        family,
        head_dim=SMALL.head_size,
        vocab_size=SMALL.vocabulary,
        hidden_size=SMALL.hidden,
        intermediate_size=SMALL.intermediate,
        num_hidden_layers=SMALL.layers,
        num_attention_heads=SMALL.heads,
        num_key_value_heads=SMALL.kv_heads,
    )
    plain: Any = AutoModelForCausalLM.from_config(config)
    if settings.method == "full":
        return plain if parallelism.zero == 0 else plain.to(getattr(torch, settings.precision))
    lora = settings.lora
    adapter = LoraConfig(
        r=lora.rank, target_modules=lora.targets, use_dora=lora.dora, lora_dropout=lora.dropout, task_type="CAUSAL_LM"
    )
    return get_peft_model(
        plain.to(getattr(torch, settings.precision)), adapter, autocast_adapter_dtype=parallelism.zero == 0
    )


def kept_for_backward(
    model: Any, context: int, parallelism: Parallelism, autocast: bool, positions: torch.Tensor | None = None
) -> int:
    """Bytes of the storages that the decoder's forward saves, weights and autocast's copies of them left out. The last
    row is padded."""
    if parallelism.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    weights = {t.untyped_storage().data_ptr() for t in itertools.chain(model.parameters(), model.buffers())}
    shapes = (
        {p.T.shape for p in model.parameters() if p.dim() == 2}
        if autocast and not hasattr(model, "peft_config")
        else set()
    )
    kept: dict[int, Any] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and not (tensor.dim() == 2 and {tensor.shape, tensor.T.shape} & shapes):
            kept[storage.data_ptr()] = storage
        return tensor

    tokens = torch.zeros((parallelism.rows_per_device, context), dtype=torch.long)
    mask = torch.ones_like(tokens)
    mask[1:, -7:] = 0
    decoder = model.base_model.model.model if hasattr(model, "peft_config") else model.model
    given = {"position_ids": positions} if positions is not None else {"attention_mask": mask}
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext(),
    ):
        decoder(input_ids=tokens, use_cache=False, **given)
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("precision", "zero"), REGIMES)
def test_activations_are_those_of_a_real_model(
    settings: Training, precision: str, zero: int, method: str, checkpointing: bool, rows: int
) -> None:
    """One row alone has no mask; of two one is padded. With checkpointing the forward keeps the layers' inputs
    alone."""
    settings = changed(settings, precision, method)
    parallelism = on_cpu(batch=rows).model_copy(update={"zero": zero, "checkpointing": checkpointing})
    model = model_of(settings, parallelism)
    for context in (192, 416):  # of no weight's size
        measured = kept_for_backward(model, context, parallelism, activations.autocasts(settings, parallelism))
        assert activations.total(SMALL, settings, context, parallelism, backward=False) == pytest.approx(
            measured, rel=0.05
        ), (context, measured)


@pytest.mark.parametrize("method", ["full", "all", "DoRA"])
@pytest.mark.parametrize(("precision", "zero"), REGIMES)
@pytest.mark.parametrize("family", [family for family in CHECKED if family != "llama"])
def test_activations_of_each_family_are_those_of_a_real_model(
    settings: Training, family: str, precision: str, zero: int, method: str
) -> None:
    settings = changed(settings, precision, method)
    shape = SMALL._replace(head_norms=family == "qwen3")
    parallelism = on_cpu(batch=2).model_copy(update={"zero": zero})
    model = model_of(settings, parallelism, family)
    measured = kept_for_backward(model, 416, parallelism, activations.autocasts(settings, parallelism))
    assert activations.total(shape, settings, 416, parallelism) == pytest.approx(measured, rel=0.05)


def test_packed_rows_have_a_mask_as_one_long_row(settings: Training) -> None:
    packed = changed(settings, "bfloat16", "full").model_copy(update={"packing": True})
    parallelism = on_cpu(batch=1).model_copy(update={"zero": 2})
    positions = torch.cat([torch.arange(208), torch.arange(208)])[None]  # two examples
    measured = kept_for_backward(model_of(packed, parallelism), 416, parallelism, False, positions)
    assert activations.total(SMALL, packed, 416, parallelism) == pytest.approx(measured, rel=0.05)
    two = parallelism.model_copy(update={"rows_per_device": 2})
    assert activations.layer_fixed(SMALL, packed, 416, two) == 2 * (2 * 416) ** 2


def test_checkpointing_holds_one_layer_more_in_the_backward(settings: Training) -> None:
    """2·s·b·h a layer in 16 bits, and one layer's activations (arXiv 2205.05198, section 5)."""
    parallelism = on_cpu(batch=1).model_copy(update={"zero": 2, "checkpointing": True})
    forward, backward = (activations.total(SMALL, settings, 256, parallelism, backward=both) for both in (False, True))
    assert backward - forward == 256 * activations.layer_token(SMALL, settings, parallelism)
    inputs = SMALL.layers * 2 * 256 * SMALL.hidden
    assert inputs < forward < 1.6 * inputs  # the last norm's float32 besides


def test_the_published_layer() -> None:
    # 1·2048·4096·(34 + 5·32·2048/4096), and without the scores
    assert activations.published_layer(2048, 1, 4096, 32, flash=False) == 2048 * 4096 * (34 + 80)
    assert activations.published_layer(2048, 1, 4096, 32, flash=True) == 2048 * 4096 * 34
