"""Rules of the code that a machine can hold."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.closure import ROOT, imported

FILES = sorted(path.relative_to(ROOT) for top in ("stages", "tools") for path in (ROOT / top).rglob("*.py"))
STAGES = (
    "prompts",
    "generate",
    "filter",
    "score",
    "select",
    "logits",
    "merge",
    "train",
    "predict",
    "grade",
    "evaluate",
)
LEAVES = ("rows", "rubrics", "tasks", "sampling", "models", "similarity", "statistics", "settings")


def test_every_init_is_empty() -> None:
    assert [str(file) for file in FILES if file.name == "__init__.py" and (ROOT / file).read_text()] == []


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_are_absolute_and_stay_in_their_place(file: Path) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)), "relative import"
    top, folder = file.parts[:2]
    assert top == "tools" or not re.search(r"^\s*(from|import) tools\b", (ROOT / file).read_text(), re.MULTILINE), (
        "tools import stages, never the other way"
    )
    allowed = {*STAGES, *LEAVES} if top == "tools" else {folder, *LEAVES} if folder in STAGES else {folder}
    assert {module.split(".")[1] for module in imported(file)} <= allowed, (
        "a stage imports no stage, a leaf no other leaf"
    )


@pytest.mark.parametrize("file", FILES, ids=str)
def test_nothing_is_imported_by_name_at_run_time_and_no_remote_code_is_trusted(file: Path) -> None:
    text = (ROOT / file).read_text()
    assert not re.search(r"__import__|importlib\.import_module|trust_remote_code=True", text)


def test_every_folder_is_a_stage_or_a_leaf() -> None:
    folders = {path.name for path in (ROOT / "stages").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {*STAGES, *LEAVES}
