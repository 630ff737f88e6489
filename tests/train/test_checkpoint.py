"""A checkpoint is found again only where it is whole and decides the same result."""

from pathlib import Path

import pytest

from stages.train.checkpoint import folder, latest
from stages.train.params import load
from tests.architecture.closure import ROOT


def test_the_last_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    for step, state in ((9, "{}"), (10, '{"epoch": 1'), (100, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert latest(tmp_path) == tmp_path / "checkpoint-9"
    assert latest(tmp_path / "nowhere") is None


def test_the_folder_depends_on_params_and_data_and_lies_in_the_main_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    params = load("8b")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    data = tmp_path / "train.jsonl"
    data.write_text("a\n")
    first = folder("8b", params, [data])
    assert first.parent == tmp_path / ".potstill" / "checkpoints"
    other = params.model_copy(update={"train": params.train.model_copy(update={"seed": 2})})
    assert folder("8b", other, [data]) != first
    data.write_text("b\n")
    assert folder("8b", params, [data]) != first
