"""The whole review of a real merge: two branches of a repository of git and DVC, with the metrics of this one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from tests.architecture.closure import ROOT
from tests.settings import copy_settings
from tests.smoke.conftest import ENVIRONMENT

METRICS = Path("metrics/evaluate.json")


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], check=True, capture_output=True)


@pytest.fixture
def merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """main, and on it a merge of a branch that learns from fewer rows and one that draws fewer resamples."""
    monkeypatch.chdir(tmp_path)
    copy_settings(tmp_path)
    shutil.copytree(ROOT / "metrics", "metrics")
    set_values(0, 0)
    shutil.copytree(ROOT / ".dvc", ".dvc", ignore=shutil.ignore_patterns("tmp", "cache"))
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "main")
    git("checkout", "-qb", "fewer-rows")
    apply_overrides("params.yaml", ["select.budget.rows=500"])
    set_arm("8b", "plain", 0.9)
    set_values(22, 2)
    git("commit", "-qam", "fewer rows")
    git("checkout", "-qb", "fewer-resamples", "main")
    apply_overrides("params.yaml", ["evaluate.num_resamples=1000"])
    git("commit", "-qam", "fewer resamples")
    git("merge", "-q", "--no-edit", "fewer-rows")
    return tmp_path


def set_arm(model: str, style: str, value: float) -> None:
    report: dict[str, Any] = json.loads(METRICS.read_text())
    report[model][style] = value
    for arm in report["arms"]:
        if (arm["model"], arm["style"]) == (model, style):
            arm |= {"value": value, "cost_per_1000": 0.02}
    METRICS.write_text(json.dumps(report))


def set_values(num_lost: int, num_gained: int) -> None:
    """Of 8b asked plainly: 400 questions that it got right and 100 wrong, but for those it lost and gained."""
    values = [1] * (400 - num_lost) + [0] * num_lost + [1] * num_gained + [0] * (100 - num_gained)
    Path("metrics/values.json").write_text(json.dumps({"questions": [*range(500)], "8b plain": values}))


def review(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.review", "main"]
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_merge_that_drops_what_must_not_is_told_and_fails(merged: Path) -> None:
    before = next(arm for arm in json.loads((ROOT / METRICS).read_text())["arms"] if arm["model"] == "8b")["value"]
    done = review(merged)
    text = (merged / "review/review.md").read_text()
    assert done.returncode == 1
    assert done.stderr.startswith(f"review: regression: 8b.plain fell from {before} to 0.9 (p = "), done.stderr
    assert f"**Regression:** 8b.plain fell from {before} to 0.9" in text
    assert "| select.budget.rows | 0 | 500 |" in text
    assert "| evaluate.num_resamples | 10000 | 1000 |" in text
    assert f"| `8b.plain` | {100 * before:.1f} | 90.0 | {90 - 100 * before:+.1f} | " in text
    assert "| 7.2e-05 | McNemar | **beyond chance** |" in text, "two are named: twice the p of 2 in 24"
    assert "| 1,000 questions, 8b plain | " in text
    pictures = {path.name for path in (merged / "review").glob("*.png")}
    assert "arms.png" in pictures
    assert all(f"]({name})" in text for name in pictures)


@pytest.mark.slow
def test_what_no_param_names_may_drop(merged: Path) -> None:
    apply_overrides("params.yaml", ["review.must_not_drop=70b.plain"])
    done = review(merged)
    assert done.returncode == 0, done.stderr
    text = (merged / "review/review.md").read_text()
    assert "Nothing that `review.must_not_drop` names dropped: 70b.plain." in text
