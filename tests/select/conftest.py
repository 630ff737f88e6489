"""A folder in which `select` can run."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/filter.json").write_text(json.dumps({"filter": {"rows": 8, "rejected": {"wrong": 3}}}))
    return tmp_path
