"""A study runs: each point is an experiment, nothing is run twice, and a kill loses nothing that was done."""

from pathlib import Path

import pytest

from tests.tools.study.conftest import run

pytestmark = pytest.mark.slow


def study(folder: Path, *more: str):
    return run(folder, "python", "-m", "tools.study", "run", "tiny", *more)


def test_points(project: Path) -> None:
    done = study(project)
    print(done.stdout, done.stderr)
    print(run(project, "dvc", "exp", "list").stdout)
    print((project / "ran.txt").read_text())
    assert 0
