"""`merge` as a stage: folders in, a model folder out, and one refusal before any model is written."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from dvc.utils.hydra import apply_overrides
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.models.local import check, digest, pin
from tests.architecture.closure import ROOT
from tests.here import run_here

BASE = ROOT / "data/laptop/models/base-8b"
OTHER = ROOT / "data/laptop/models/base-70b"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for file in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(file).items()}


def moved(folder: Path, seed: int, by: float = 0.02) -> Path:
    """A copy of the base whose every weight has moved."""
    torch.manual_seed(seed)
    shutil.copytree(BASE, folder)
    tensors = {name: (t + by * torch.randn(t.shape)).to(t.dtype) for name, t in weights(BASE).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def adapter(folder: Path, base: Path) -> tuple[Path, Any]:
    """An adapter of the base as training saves it, and the model in memory."""
    torch.manual_seed(3)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", revision=digest(base))
    model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder, model


def named(*folders: Path) -> str:
    return " ".join(f"{folder}@{digest(folder)}" for folder in folders)


def merge(folder: Path, **settings: Any) -> tuple[int, str]:
    shutil.copy(ROOT / "params.yaml", folder)
    apply_overrides(str(folder / "params.yaml"), [f"merge.{name}='{value}'" for name, value in settings.items()])
    return run_here(folder, "merge")


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    return moved(tmp_path / "tuned", 1)


def test_without_a_method_the_folder_has_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert merge(tmp_path, seed=7) == (0, "merge: {'method': 'none'}\n")
    assert [path.name for path in (tmp_path / "models/merged").iterdir()] == ["README.md"]
    assert json.loads((tmp_path / "metrics/merge.json").read_text()) == {"merge": {"method": "none"}}
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="model models/merged: got no model in it, wanted one; set merge.method in"):
        check("models/merged", pin("models/merged", "merged"))


def test_transfer_onto_the_base_itself_is_the_tuned_model(tuned: Path, tmp_path: Path) -> None:
    code, printed = merge(tmp_path, method="transfer", base=named(BASE), onto=named(BASE), models=named(tuned))
    assert code == 0, printed
    made = tmp_path / "models/merged"
    for name, tensor in weights(tuned).items():
        assert torch.equal(weights(made)[name], tensor), name
    assert {path.name for path in made.iterdir()} == {path.name for path in BASE.iterdir()}
    assert AutoTokenizer.from_pretrained(made).chat_template == AutoTokenizer.from_pretrained(BASE).chat_template
    report = json.loads((tmp_path / "metrics/merge.json").read_text())["merge"]
    assert report["values"] == sum(tensor.numel() for tensor in weights(BASE).values())
    assert 0 < report["moved"] < 1
    assert not (tmp_path / "models/merged.part").exists()


def test_transfer_onto_a_newer_base_keeps_its_parts_and_config(tuned: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    AutoModelForCausalLM.from_pretrained(moved(tmp_path / "one", 2)).save_pretrained(newer, max_shard_size="200KB")
    AutoTokenizer.from_pretrained(BASE).save_pretrained(newer)
    config = json.loads((newer / "config.json").read_text()) | {"max_position_embeddings": 512}
    (newer / "config.json").write_text(json.dumps(config))
    code, printed = merge(tmp_path, method="transfer", base=named(BASE), onto=named(newer), models=named(tuned))
    assert code == 0, printed
    made: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "models/merged")
    assert made.config.max_position_embeddings == 512
    assert len(list((tmp_path / "models/merged").glob("model-*.safetensors"))) > 1
    for name, tensor in weights(tmp_path / "models/merged").items():
        expected = weights(newer)[name].float() + weights(tuned)[name].float() - weights(BASE)[name].float()
        assert torch.allclose(tensor.float(), expected, rtol=2**-7, atol=1e-6), name


@pytest.mark.parametrize("method", ["linear", "dare"])
def test_a_merge_of_one_with_weight_one_that_drops_nothing_is_that_one(
    method: str, tuned: Path, tmp_path: Path
) -> None:
    code, printed = merge(tmp_path, method=method, base=named(BASE), models=named(tuned), weights="1", drop=0.0)
    assert code == 0, printed
    for name, tensor in weights(tuned).items():
        assert torch.allclose(weights(tmp_path / "models/merged")[name].float(), tensor.float(), rtol=2**-8), name


def test_dare_drops_by_its_seed(tuned: Path, tmp_path: Path) -> None:
    settings = {"method": "dare", "base": named(BASE), "models": named(tuned, tuned), "weights": "0.5 0.5"}
    made = []
    for seed in (1, 1, 2):
        code, printed = merge(tmp_path, **settings, seed=seed)
        assert code == 0, printed
        made.append(digest(tmp_path / "models/merged"))
    assert made[0] == made[1] != made[2]


def test_an_adapter_is_merged_as_the_model_that_it_makes(tmp_path: Path) -> None:
    base = tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).save_pretrained(base)
    AutoTokenizer.from_pretrained(BASE).save_pretrained(base)
    tuned, model = adapter(tmp_path / "adapter", base)
    code, printed = merge(tmp_path, method="linear", base=named(base), models=named(tuned), weights="1")
    assert code == 0, printed
    made: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "models/merged", dtype=torch.float32)
    ids = torch.arange(10, 60)[None]
    assert torch.allclose(made(ids).logits, model(ids).logits, atol=1e-5)


def test_a_merge_that_was_cut_off_leaves_nothing_that_counts(
    tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"method": "linear", "base": named(BASE), "models": named(tuned), "weights": "1"}

    def full_disk(tensors: Any, path: Path, **more: Any) -> None:
        path.write_bytes(b"half of it")
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("safetensors.torch.save_file", full_disk)
        assert merge(tmp_path, **settings)[0] == 1
    assert not any((tmp_path / "models").iterdir())
    (tmp_path / "models/merged.part/model").mkdir(parents=True)
    (tmp_path / "models/merged.part/model/of-a-killed-merge").touch()
    assert merge(tmp_path, **settings)[0] == 0
    assert {path.name for path in (tmp_path / "models/merged").iterdir()} == {path.name for path in BASE.iterdir()}


def test_an_adapter_of_another_base_is_refused(tuned: Path, tmp_path: Path) -> None:
    made, _ = adapter(tmp_path / "adapter", BASE)
    code, printed = merge(tmp_path, method="linear", base=named(tuned), models=named(made), weights="1")
    assert code == 1
    assert f"got an adapter of {named(BASE)}, wanted one of {named(tuned)}, which is merge.base" in printed


def without_a_tensor(folder: Path) -> None:
    tensors = weights(folder)
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors")


def with_other_token(folder: Path) -> None:
    told = json.loads((folder / "tokenizer.json").read_text())
    ids = told["model"]["vocab"]
    ids["0"], ids["1"] = ids["1"], ids["0"]
    (folder / "tokenizer.json").write_text(json.dumps(told))


def quantized(folder: Path) -> None:
    tensors = weights(folder) | {"model.norm.weight": torch.ones(64, dtype=torch.int8)}
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            without_a_tensor,
            "got other tensors than {base} has, such as model.norm.weight, wanted the same architecture",
        ),
        (with_other_token, "got another tokenizer than {base} has, they differ in"),
        (quantized, "tensor model.norm.weight is I8, wanted F32, F16, BF16: no quantized weights"),
    ],
)
def test_models_that_differ_are_refused_and_nothing_is_written(
    change: Any, message: str, tuned: Path, tmp_path: Path
) -> None:
    change(tuned)
    code, printed = merge(tmp_path, method="linear", base=named(BASE), models=named(tuned), weights="1")
    assert code == 1
    assert printed.startswith(f"merge: model {named(tuned)}: {message.format(base=named(BASE))}"), printed
    assert printed.endswith("; see `merge` in params.yaml\n")
    assert not any((tmp_path / "models").iterdir())


def test_another_size_is_refused(tmp_path: Path) -> None:
    code, printed = merge(tmp_path, method="linear", base=named(BASE), models=named(OTHER), weights="1")
    assert code == 1
    assert f"merge: model {named(OTHER)}: " in printed


def test_a_changed_model_is_refused(tuned: Path, tmp_path: Path) -> None:
    code, printed = merge(tmp_path, method="linear", base=named(BASE), models=f"{tuned}@0000", weights="1")
    assert code == 1
    assert f"model {tuned}: got files with the digest {digest(tuned)}, wanted 0000" in printed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "slerp"}, "params.yaml: merge.method: Input should be 'none', "),
        ({"method": "linear"}, "params.yaml: merge.base: got none, wanted the model that the tuned ones started from"),
        ({"method": "linear", "base": "a@1"}, "params.yaml: merge.models: got none, wanted one or more, for"),
        ({"method": "linear", "base": "a@1", "models": "b@1 c@1", "weights": "1"}, "merge.weights: got 1, wanted 2"),
        ({"method": "transfer", "base": "a@1", "models": "b@1"}, "params.yaml: merge.onto: got none, wanted the newer"),
        ({"method": "transfer", "base": "a@1", "onto": "a@2", "models": "b@1 c@1"}, "merge.models: got 2, wanted one"),
        ({"models": "b"}, "params.yaml: merge.models.0: Value error, Input should be a folder@digest or a hub id@comm"),
        ({"drop": 1.0}, "params.yaml: merge.drop: Input should be less than 1, got"),
    ],
)
def test_a_wrong_value_is_named(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    code, printed = merge(tmp_path, **settings)
    assert code == 1
    assert message in printed
    assert not (tmp_path / "models").exists()
