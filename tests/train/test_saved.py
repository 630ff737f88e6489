"""A student counts as saved only if it is what was trained."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from stages.train import saved
from stages.train.examples import Tokens
from stages.train.health import answers_otherwise, divergence
from stages.train.params import Params, load
from tests.architecture.closure import ROOT

BASE = "data/laptop/models/base-8b"
EXAMPLE = Tokens(list(range(40, 80)), list(range(40, 80)))
WEIGHTS = {"full": "model.safetensors", "lora": "adapter_model.safetensors"}


def params_of(method: str, precision: str) -> Params:
    params = load("8b")
    return params.model_copy(
        update={"profile": params.profile.model_copy(update={"method": method, "precision": precision})}
    )


def student(method: str) -> Any:
    """A student in memory whose every trained weight has moved."""
    torch.manual_seed(1)
    model: Any = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    if method == "lora":
        model = get_peft_model(
            model, LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        )
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # an adapter names its base by the path in params.yaml


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_was_trained_passes_and_what_was_lost_does_not(method: str, precision: str, tmp_path: Path) -> None:
    params, model = params_of(method, precision), student(method)
    model.save_pretrained(tmp_path / saved.STUDENT)
    saved.tensors(tmp_path / saved.STUDENT, method, "8b")
    check(tmp_path, params, model)
    base: Any = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    with pytest.raises(
        SystemExit,
        match=r"train-8b: the student saved in .*/student answers otherwise than the trained one: [\d.]+ nats a token, at most",
    ):
        check(tmp_path, params, base)


def check(output: Path, params: Params, in_memory: Any) -> None:
    """The student saved in `output` against the one in memory."""
    save_file({"logits": saved.logits(in_memory, EXAMPLE, "cpu")}, output / saved.EXPECTED)
    saved.answers_alike(output, params, "sdpa", EXAMPLE, answers_otherwise, "8b")


def change(folder: Path, method: str, name_part: str, value: Any) -> str:
    """Put `value(tensor)` in place of each tensor whose name has the part; returns the first name."""
    tensors = load_file(folder / WEIGHTS[method])
    names = [name for name in tensors if name_part in name]
    save_file(
        {name: value(tensor).contiguous() if name in names else tensor for name, tensor in tensors.items()},
        folder / WEIGHTS[method],
    )
    return names[0]


def test_an_empty_tensor_is_refused(tmp_path: Path) -> None:
    student("lora").save_pretrained(tmp_path)
    change(tmp_path, "lora", "lora_A", lambda tensor: tensor[:0])
    with pytest.raises(
        SystemExit,
        match=r"train-8b: the saved tensor .*lora_A.* is empty: the weights were not gathered before they were saved",
    ):
        saved.tensors(tmp_path, "lora", "8b")


def test_an_adapter_of_zeros_is_refused(tmp_path: Path) -> None:
    student("lora").save_pretrained(tmp_path)
    change(tmp_path, "lora", "lora_B", torch.zeros_like)
    with pytest.raises(SystemExit, match="train-8b: every lora_B of the saved adapter is zero, so it changes nothing"):
        saved.tensors(tmp_path, "lora", "8b")


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(wrong: float, tmp_path: Path) -> None:
    student("full").save_pretrained(tmp_path)
    change(tmp_path, "full", "layers.1.mlp.up_proj", lambda tensor: torch.full_like(tensor, wrong))
    with pytest.raises(
        SystemExit,
        match=r"train-8b: the saved tensor .*layers.1.mlp.up_proj.weight has values that are no numbers; lower learning_rate",
    ):
        saved.tensors(tmp_path, "full", "8b")


def test_nothing_saved_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="train-8b: no tensor was saved in"):
        saved.tensors(tmp_path, "full", "8b")


def test_another_adapter_is_refused(tmp_path: Path) -> None:
    model = student("lora")
    folder = tmp_path / saved.STUDENT
    model.save_pretrained(folder)
    change(folder, "lora", "lora_B", lambda tensor: -tensor)
    saved.tensors(folder, "lora", "8b")
    with pytest.raises(SystemExit, match="answers otherwise than the trained one"):
        check(tmp_path, params_of("lora", "float32"), model)


def test_an_adapter_that_merges_wrongly_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = student("lora")
    model.save_pretrained(tmp_path / saved.STUDENT)
    real = saved.load

    class Unmerged:
        """A student whose merge forgets the adapter."""

        def __init__(self, loaded: Any) -> None:
            self.loaded, self.device = loaded, loaded.device

        def __call__(self, **inputs: Any) -> Any:
            return self.loaded(**inputs)

        def eval(self) -> Any:
            return self.loaded.eval()

        def merge_and_unload(self) -> Any:
            return self.loaded.unload()

    monkeypatch.setattr(saved, "load", lambda *given: Unmerged(real(*given)))
    with pytest.raises(
        SystemExit, match="train-8b: the student with its adapter merged answers otherwise than the trained one"
    ):
        check(tmp_path, params_of("lora", "float32"), model)


def test_divergence_by_hand() -> None:
    """KL of (3/4, 1/4) from (1/2, 1/2): 3/4·ln(3/2) + 1/4·ln(1/2)."""
    expected, found = torch.log(torch.tensor([[0.75, 0.25]])), torch.zeros(1, 2)
    assert divergence(expected, found) == pytest.approx(0.130812, abs=1e-6)
    assert divergence(expected, expected) == pytest.approx(0, abs=1e-7)


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    class State:
        log_history, global_step, best_global_step = [{"step": 1, "loss": 2.0}], 5, 3

    saved.write_report(tmp_path, State(), 0.5, True, torch.ones(2, 3))
    assert torch.equal(saved.read_expected(tmp_path), torch.ones(2, 3))
    assert '"kept_step": 3' in (tmp_path / "report.json").read_text()
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_check_computes_attention_as_the_training_did(method: str, tmp_path: Path) -> None:
    """Kernels round otherwise, which no tolerance of the precision knows."""
    student(method).save_pretrained(tmp_path)
    for attention in ("sdpa", "eager"):
        loaded = saved.load(tmp_path, params_of(method, "float32"), attention)
        assert loaded.config._attn_implementation == attention


def test_what_does_not_fit_the_gpus_is_told() -> None:
    assert saved.spilled({}) is None, "no GPU"
    assert saved.spilled({"model.embed_tokens": 0, "model.layers.0": 0, "lm_head": 1}) is None
    assert saved.spilled({"model.layers.0": 0, "model.layers.1": "cpu", "lm_head": "disk"}) == (
        "the saved student does not fit these GPUs, so 2 of its 3 parts lie in the machine's memory and the disk: its "
        "check takes longer"
    )


def test_a_check_that_breaks_off_says_where_the_student_is(tmp_path: Path) -> None:
    where = f"The trained student is kept in {tmp_path}/student; the next run checks it again. To train anew, remove"
    told = pytest.raises(SystemExit, match=rf"^train-8b: it is wrong\n{where} {tmp_path}$")
    with told, saved.kept_on_failure(tmp_path, "8b"):
        raise SystemExit("train-8b: it is wrong")
    with pytest.raises(RuntimeError) as raised, saved.kept_on_failure(tmp_path, "8b"):
        raise RuntimeError("CUDA out of memory")
    (note,) = raised.value.__notes__
    assert note.startswith(f"train-8b: {where}")


def test_a_student_that_was_brought_away_is_not_taken_for_one_to_check(tmp_path: Path) -> None:
    """A kill between the two steps of publishing leaves a report without its student."""
    output = tmp_path / "training"
    (output / saved.STUDENT).mkdir(parents=True)
    (output / saved.STUDENT / "config.json").write_text("{}")
    (output / saved.REPORT).write_text("{}")
    assert saved.is_trained(output)
    (output / saved.STUDENT).rename(tmp_path / "elsewhere")
    assert not saved.is_trained(output)
    (tmp_path / "elsewhere").rename(output / saved.STUDENT)
    saved.publish(output, tmp_path / "models/8b")
    assert [path.name for path in (tmp_path / "models/8b").iterdir()] == ["config.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models"]
