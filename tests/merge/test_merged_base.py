"""A student starts from the model that `merge` made, and is remembered by that model's digest."""

import json
from pathlib import Path

import pytest
import torch
from dvc.utils.hydra import apply_overrides
from safetensors.torch import load_file

from stages.models.local import digest
from stages.predict.__main__ import to_model
from stages.predict.params import load
from tests.here import run_here
from tests.merge.test_merge import moved, named
from tests.train.place import BASE, examples, make, train_here

MERGED = [
    "profiles.laptop.student-8b.base.model=models/merged",
    "profiles.laptop.student-8b.base.revision=merged",
    "profiles.laptop.student-8b.train.num_epochs=1",
    "profiles.laptop.student-8b.train.learning_rate=1.0e-09",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a merged model."""
    folder = make(tmp_path_factory.mktemp("start"), examples(16), [], *MERGED, "merge.method=transfer")
    tuned = moved(folder / "tuned", 1)
    sources = {"base": named(BASE), "onto": named(BASE), "models": named(tuned)}
    apply_overrides(str(folder / "params.yaml"), [f"merge.{name}='{value}'" for name, value in sources.items()])
    code, printed = run_here(folder, "merge")
    assert code == 0, printed
    return folder


def test_training_starts_from_the_merged_model(folder: Path) -> None:
    code, printed = train_here(folder)
    assert code == 0, printed
    student, merged, base = (
        load_file(path / "model.safetensors") for path in (folder / "models/8b", folder / "models/merged", BASE)
    )
    for name, tensor in merged.items():
        assert torch.allclose(student[name], tensor.float(), atol=1e-6), name
        assert not torch.allclose(student[name], base[name].float(), atol=1e-3), name


def test_an_adapter_names_the_merged_model_by_its_digest(folder: Path) -> None:
    lora = [f"profiles.laptop.student-8b.train.{value}" for value in ("method=lora", "num_epochs=2")]
    apply_overrides(str(folder / "params.yaml"), [*lora, "profiles.laptop.student-8b.train.learning_rate=0.01"])
    code, printed = train_here(folder)
    assert code == 0, printed
    told = json.loads((folder / "models/8b/adapter_config.json").read_text())
    assert (told["base_model_name_or_path"], told["revision"]) == ("models/merged", digest(folder / "models/merged"))


def test_a_merged_base_is_asked_by_its_digest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger would else give the replies of an earlier merge."""
    monkeypatch.chdir(folder)
    asked = to_model("base-8b", load("base-8b"))
    assert (asked.name, asked.revision) == ("models/merged", digest(Path("models/merged")))
