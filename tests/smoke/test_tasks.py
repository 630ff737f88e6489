"""Every task through all stages in the laptop profile, with few rows; the stages run in this process, which spares
importing torch ten times."""

import csv
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from tests.architecture.closure import ROOT
from tests.settings import copy_settings

pytestmark = pytest.mark.slow

NUM_ROWS = {"train": 48, "validation": 8, "test": 24}
STAGES = (
    "prompts", "generate", "filter", "score.columns.judge", "select", "logits", "train 8b", "train 70b",
    "predict teacher", "predict base-8b", "predict base-70b", "predict 8b", "predict 70b", "grade", "evaluate",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / "data/retention").mkdir(parents=True)
    (tmp_path / "data/laptop").symlink_to(ROOT / "data/laptop")
    retention = (ROOT / "data/retention/laptop.jsonl").open().readlines()
    (tmp_path / "data/retention/laptop.jsonl").write_text(
        "".join(retention[::30])
    )  # four questions of each of three tasks
    copy_settings(tmp_path)
    return tmp_path


def run_all(folder: Path, task: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """metrics/evaluate.json after the whole graph on the task's laptop data set."""
    rows = folder / f"data/sets/laptop-{task}/rows"
    rows.mkdir(parents=True)
    for split, count in NUM_ROWS.items():
        (rows / f"{split}.jsonl").write_text(
            "".join((ROOT / f"data/sets/laptop-{task}/rows/{split}.jsonl").open().readlines()[:count])
        )
    apply_overrides(
        str(folder / "params.yaml"),
        [
            f"dataset=laptop-{task}",
            "profiles.laptop.student-8b.train.num_epochs=1",
            "profiles.laptop.student-70b.train.num_epochs=1",
            "evaluate.num_resamples=1000",
        ],
    )
    for stage in STAGES:
        name, *arguments = stage.split()
        monkeypatch.setattr("sys.argv", ["stage", *arguments])
        runpy.run_module(f"stages.{name}", run_name="__main__", alter_sys=False)
    return json.loads((folder / "metrics/evaluate.json").read_text())


@pytest.mark.parametrize("task", ["nli", "qa", "summarization", "conversation"])
def test_the_whole_graph(task: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = run_all(folder, task, monkeypatch)
    assert (report["task"], report["rows"]) == (task, NUM_ROWS["test"])
    styles = {
        "nli": ["plain", "cot"],
        "qa": ["plain", "cot"],
        "summarization": ["plain", "cod"],
        "conversation": ["plain"],
    }[task]
    assert list(report["teacher"]) == styles
    counts = json.loads((folder / "metrics/filter.json").read_text())["filter"]
    assert counts["rows"] == NUM_ROWS["train"] == counts["passed"] + sum(counts["rejected"].values())
    cells = list(csv.DictReader((folder / "metrics/confusion.csv").open()))
    measures = {"nli": "accuracy", "qa": "accuracy", "summarization": "entity_density", "conversation": "chrf"}
    assert report["measure"] == measures[task]
    of_teacher = next(
        arm
        for arm in report["arms"]
        if (arm["model"] == "teacher" and arm["style"] != "plain") or task == "conversation"
    )
    if task in ("nli", "qa"):
        assert sum(int(cell["rows"]) for cell in cells if cell["arm"] == "teacher plain") == NUM_ROWS["test"]
        assert 0 < report["random"] < 1
        assert 0 <= of_teacher["macro_f1"] <= 1
    else:
        assert cells == []
        assert not {"majority", "random"} & set(report)
    if task == "summarization":
        assert of_teacher["summaries"]["entities_by"] == "rule"
        assert report["teacher"]["cod"] > report["teacher"]["plain"], "the chain makes it denser"
    # every student is asked the retention set's questions of the other tasks in which answers are right or wrong
    assert [set(row["tasks"]) for row in report["retention"]] == [{"math", "nli", "qa"} - {task}] * 2
