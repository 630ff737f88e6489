"""CorDA parts the base into an adapter and a rest: nothing changes at the start, and what is saved fits the base."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from stages.train import arrow, start
from stages.train.examples import Tokens
from stages.train.params import Params, load
from tests.architecture.closure import ROOT
from tests.settings import copy_settings
from tests.train.place import BASE, examples, make, train_here
from tests.train.test_processes import TWO, assert_same, kill_at_step, needs_deepspeed

IDS = torch.arange(40, 90)[None]
LAYER = "model.layers.0.self_attn.q_proj"
STUDENT = "profiles.laptop.student-8b.train"


def params_of(init: str) -> Params:
    params = load("8b")
    lora = params.profile.lora.model_copy(update={"init": init})
    return params.model_copy(update={"profile": params.profile.model_copy(update={"method": "lora", "lora": lora})})


def base() -> Any:
    return AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)


def parted(init: str, output: Path) -> Any:
    model = base()
    return get_peft_model(model, start.adapter(model, params_of(init), output, torch.device("cpu"), "8b"))


def rest_of(model: Any) -> torch.Tensor:
    return model.get_submodule(f"base_model.model.{LAYER}.base_layer").weight


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a training, with a few prepared examples."""
    monkeypatch.chdir(ROOT)
    torch.manual_seed(1)
    rows = [Tokens(row, row) for row in torch.randint(10, 700, (20, 64)).tolist()]
    arrow.write(tmp_path / "train.arrow", [list(enumerate(rows))], numbered=False)
    return tmp_path


@pytest.mark.parametrize("init", ["corda-ipm", "corda-kpm"])
def test_nothing_changes_at_the_start_though_the_weights_are_parted(init: str, output: Path) -> None:
    model, whole = parted(init, output), base()
    assert torch.allclose(model(IDS).logits, whole(IDS).logits, atol=1e-5)
    assert not torch.allclose(rest_of(model), whole.get_submodule(LAYER).weight, atol=1e-3)


def test_ipm_takes_the_part_that_the_examples_use_most_and_kpm_the_least(output: Path) -> None:
    given: list[torch.Tensor] = []
    whole = base()
    whole.get_submodule(LAYER).register_forward_hook(lambda module, inputs, out: given.append(inputs[0][0]))
    start.read(whole, output, "cpu")
    inputs_TD = torch.cat(given)
    answered = {}
    for init in ("corda-ipm", "corda-kpm"):
        (output / start.EIGENS).unlink(missing_ok=True)
        taken = whole.get_submodule(LAYER).weight - rest_of(parted(init, output))
        answered[init] = (inputs_TD @ taken.T).norm() / (inputs_TD @ whole.get_submodule(LAYER).weight.T).norm()
    assert answered["corda-ipm"] > 0.5
    assert answered["corda-kpm"] < 0.1


def test_what_goes_on_parts_the_weights_alike_and_reads_no_examples(output: Path) -> None:
    first = parted("corda-ipm", output).state_dict()
    (output / "train.arrow").unlink()
    (output / start.EIGENS).with_suffix(".part").write_text("cut off by a kill")
    again = parted("corda-ipm", output).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())


@pytest.mark.parametrize("init", ["corda-ipm", "corda-kpm"])
def test_what_is_saved_is_a_plain_adapter_of_the_base(init: str, output: Path) -> None:
    params, model, out = params_of(init), parted(init, output), output / "student"
    start.keep(model, params, output)
    torch.manual_seed(2)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    model.save_pretrained(out)
    start.make_plain(out, params, output, "8b")
    told = json.loads((out / "adapter_config.json").read_text())
    assert (told["r"], told["lora_alpha"], told["init_lora_weights"], told["corda_config"]) == (16, 32, True, None)
    found = PeftModel.from_pretrained(base(), out)
    assert torch.allclose(found(IDS).logits, model(IDS).logits, atol=1e-4)
    assert not torch.allclose(found(IDS).logits, base()(IDS).logits, atol=1e-2)


def test_an_adapter_that_did_not_move_is_refused(output: Path) -> None:
    params, model = params_of("corda-ipm"), parted("corda-ipm", output)
    start.keep(model, params, output)
    model.save_pretrained(output / "student")
    with pytest.raises(SystemExit, match="train-8b: the saved adapter is the one that training started with: nothing"):
        start.make_plain(output / "student", params, output, "8b")


def test_a_rank_over_the_width_is_refused(output: Path) -> None:
    params = params_of("corda-ipm")
    lora = params.profile.lora.model_copy(update={"rank": 65})
    params = params.model_copy(update={"profile": params.profile.model_copy(update={"lora": lora})})
    with pytest.raises(SystemExit, match=r"train-8b: CorDA: .*rank.*; see train.lora in params.yaml"):
        start.adapter(base(), params, output, torch.device("cpu"), "8b")


def test_without_corda_the_start_is_the_base(output: Path) -> None:
    params = params_of("zeros")
    assert start.adapter(base(), params, output, torch.device("cpu"), "8b").init_lora_weights is True
    start.keep(None, params, output)
    assert sorted(path.name for path in output.iterdir()) == ["train.arrow"]


@pytest.mark.parametrize(
    ("override", "odd"),
    [("lora.dora=true", "dora"), ("lora.quantization=nf4", "quantization nf4"), ("lora.targets=lm_head", "lm_head")],
)
def test_what_does_not_go_with_corda_is_refused(
    override: str, odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_settings(tmp_path, f"{STUDENT}.lora.init=corda-kpm", f"{STUDENT}.{override}")
    monkeypatch.chdir(tmp_path)
    message = f"{STUDENT}.lora: Value error, init corda-kpm parts the weights, which does not go with {odd}"
    with pytest.raises(SystemExit, match=message):
        load("8b")


def corda(folder: Path, **parallelism: Any) -> Path:
    rows = examples(44)
    chosen = ("method=lora", "lora.init=corda-ipm", "num_epochs=4", "learning_rate=0.001")
    return make(folder, rows[:36], rows[36:], *(f"{STUDENT}.{value}" for value in chosen), **parallelism)


def test_a_training_lowers_the_loss_and_its_student_passes_the_checks(tmp_path: Path) -> None:
    folder = corda(tmp_path)
    code, printed = train_here(folder)
    assert code == 0, printed
    losses = [float(line.split(",")[1]) for line in (folder / "metrics/validation-8b.csv").read_text().splitlines()[1:]]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_killed_it_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = corda(tmp_path / "whole"), corda(tmp_path / "killed")
    code, printed = train_here(whole)
    assert code == 0, printed
    kill_at_step(killed, 3)
    code, printed = train_here(killed)
    assert code == 0, printed
    assert "train-8b: going on from checkpoint-" in printed
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (killed / "models/8b" / name).read_bytes() == (whole / "models/8b" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("zero", [0, pytest.param(2, marks=needs_deepspeed)])
def test_two_processes_learn_the_same(zero: int, tmp_path: Path) -> None:
    alone, shared = corda(tmp_path / "alone"), corda(tmp_path / "shared", zero=zero, **TWO)
    for folder in (alone, shared):
        code, printed = train_here(folder)
        assert code == 0, printed
    assert_same(shared, alone, "lora")
