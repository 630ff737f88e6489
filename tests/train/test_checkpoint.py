"""A checkpoint is found again only where it is whole and decides the same result."""

import json
from pathlib import Path

import pytest

from stages.plan.mixtures import on_cpu
from stages.train.checkpoint import fits, folder, latest
from stages.train.params import load
from tests.architecture.closure import ROOT


def test_the_last_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    for step, whole in ((9, True), (10, False), (100, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text("{}")
        if whole:
            (tmp_path / f"checkpoint-{step}/whole.json").write_text("{}")
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
    assert "mixture" not in params.model_dump(), "how it is executed decides no result"


def test_deepspeed_checkpoints_fit_their_own_processes_alone(tmp_path: Path) -> None:
    def written(num_processes: int, zero: int) -> Path:
        (tmp_path / "whole.json").write_text(json.dumps({"num_processes": num_processes, "zero": zero}))
        return tmp_path

    wanted = on_cpu(batch=1).model_copy(update={"num_processes": 4, "zero": 2})
    fits(written(4, 2), wanted, "8b")
    fits(written(8, 0), wanted.model_copy(update={"zero": 0}), "8b")  # whole weights and states fit any number
    for num_processes, zero in ((8, 2), (4, 3), (4, 0)):
        with pytest.raises(SystemExit, match=f"was written by {num_processes} processes with ZeRO-{zero}, wanted 4 with ZeRO-2: set num_processes and zero"):
            fits(written(num_processes, zero), wanted, "8b")
