"""Curves while a training runs change nothing of it."""

import csv
from pathlib import Path
from unittest.mock import patch

import pytest
from dvc.utils.hydra import apply_overrides

from stages.train import live
from tests.here import run_here
from tests.settings import copy_settings
from tests.train.place import examples, make


@pytest.mark.slow
def test_tensorboard_gets_every_loss_and_the_student_is_the_same(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = make(
        tmp_path, examples(32), examples(4), "profiles.laptop.student-8b.train.num_epochs=1", "train.log_every_steps=1"
    )
    students = []
    for kind in ("none", "tensorboard"):
        apply_overrides(str(folder / "params.yaml"), [f"live={kind}"])
        code, printed = run_here(folder, "train", "8b")
        assert code == 0, printed
        students.append({path.name: path.read_bytes() for path in (folder / "models/8b").iterdir()})
        assert (folder / ".potstill/live").exists() == (kind == "tensorboard")
    assert students[0] == students[1]
    (run,) = (folder / ".potstill/live").iterdir()
    events = EventAccumulator(str(run)).Reload().Scalars("train/loss")
    curve = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader((folder / "metrics/train-8b.csv").open())]
    assert [(event.step, round(event.value, 4)) for event in events] == curve


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("wandb", "params.yaml: live: Input should be 'none' or 'tensorboard', got 'wandb'"),
        ("tensorboard", r"train-8b: params.yaml: live: got tensorboard, which is not installed, wanted it, or none"),
    ],
)
def test_what_cannot_be_had_is_one_clear_error(
    kind: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_settings(tmp_path, f"live={kind}")
    monkeypatch.chdir(tmp_path)
    with patch("stages.train.live.find_spec", lambda name: None), pytest.raises(SystemExit, match=message):
        live.check("8b")
