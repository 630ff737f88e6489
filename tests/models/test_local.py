"""A local model is named by its content, and must be whole."""

import shutil
from pathlib import Path

import pytest

from stages.models.local import check, digest
from tests.architecture.closure import ROOT


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "data/laptop/models/base-8b", tmp_path / "model"))


def test_the_digest_follows_content_and_names_not_place(model: Path, tmp_path: Path) -> None:
    first = digest(model)
    assert digest(Path(shutil.copytree(model, tmp_path / "elsewhere"))) == first
    (model / "config.json").rename(model / "renamed.json")
    assert digest(model) != first


def test_a_whole_folder_with_its_digest_passes(model: Path) -> None:
    check(str(model), digest(model))


def test_a_changed_model_is_refused(model: Path) -> None:
    with pytest.raises(
        SystemExit,
        match=f"got files with the digest {digest(model)}, wanted 0000; .* set the model's `revision` in params.yaml",
    ):
        check(str(model), "0000")


def test_a_folder_without_tokenizer_is_refused(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    with pytest.raises(
        SystemExit, match="got a folder without tokenizer.json, wanted model and tokenizer side by side"
    ):
        check(str(model), digest(model))


def test_a_missing_folder_is_not_taken_for_a_hub_id() -> None:
    with pytest.raises(SystemExit, match="model data/laptop/models/teachr: got no such folder"):
        check("data/laptop/models/teachr", "0000")
    check("meta-llama/Llama-3.1-8B-Instruct", "a" * 40)
