"""The curves are of whole steps, and repeat no evaluation."""

import json
from pathlib import Path

import pytest

from stages.train.curves import loss_curve, validation_curve, write

HISTORY = [
    {"step": 1, "loss": 4.0},
    {"step": 2, "loss": 2.0},
    {"step": 2, "eval_loss": 9.0},
    {"step": 3, "loss": 1.0},
    {"step": 3, "eval_loss": 8.0},
]


def test_the_curve_is_the_mean_of_its_steps() -> None:
    assert loss_curve(HISTORY, 2) == [(2, 3.0), (3, 1.0)]


def test_the_evaluation_after_the_training_is_no_point_of_the_curve() -> None:
    assert validation_curve([*HISTORY, {"step": 3, "eval_loss": 8.0}]) == [(2, 9.0), (3, 8.0)]


def test_what_is_written_holds_no_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("8b", {"history": HISTORY, "kept_step": 3, "validation_loss": 8.00004}, {"examples": 3}, 2)
    assert json.loads(Path("metrics/train-8b.json").read_text()) == {
        "train-8b": {"examples": 3, "steps": 3, "kept_step": 3, "loss": 1.0, "validation_loss": 8.0}
    }
    assert Path("metrics/train-8b.csv").read_text() == "step,loss\n2,3.0\n3,1.0\n"
    assert Path("metrics/validation-8b.csv").read_text() == "step,loss\n2,9.0\n3,8.0\n"
