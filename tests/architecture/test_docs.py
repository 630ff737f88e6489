"""The documents name what the code has, and the code has no word that a better one replaced."""

import re
import subprocess

import pytest

from stages.filter.rules import RULES as FILTER_RULES
from stages.rows.row import COLUMNS, STAGES
from stages.select.rules import RULES as SELECT_RULES
from tests.architecture.closure import ROOT

DOC = (ROOT / "docs/filter.md").read_text()
# words that the field has others for, each in what it was used for; data/laptop keeps its own, which its models depend on
REPLACED = {
    "mixture": r"\b[Mm]ixture\b",
    "guard": r"\b(guard_set|guarded|GUARD)\b|(?<!families/)guard\.jsonl|guard set",
    "judge, for rules": r"\bjudge_(part|problems)\b",
    "asking, survey": r"sampling[./](asking|parent|pace)\b|\bsurvey\b",
    "faults, among, weigh": r"filter[./](faults|among|parts|drawn|printed|meaning|choice|near|prefix|chain)\b|\bweigh\(",
    "rich, for a style": r"[\"'`]rich[\"'`]",
    "Puts, Reads": r"\b(Puts|Reads)\(Protocol\)",
    "answer, for a stage": r"stages[./]answer\b|data/answers",
}


def test_every_column_of_a_row_is_told_once_under_its_stage() -> None:
    told = DOC.split("## Columns of a row")[1]
    rows = [line.split("|")[1:-1] for line in told.splitlines() if line.startswith("|")][2:]
    names = [name for row in rows for cell in row[1:] for name in re.findall(r"`(\w+)`", cell) if name in COLUMNS]
    assert sorted(names) == sorted(COLUMNS)
    assert {stage for row in rows for stage in re.findall(r"`(\w+)`", row[0])} <= {*STAGES, *COLUMNS}


@pytest.mark.parametrize("rules", [FILTER_RULES, SELECT_RULES], ids=["filter", "select"])
def test_every_reason_is_told(rules: tuple) -> None:
    assert [rule.reason for rule in rules if f"`{rule.reason}`" not in DOC] == []


@pytest.mark.parametrize("word", REPLACED)
def test_no_word_is_left_that_another_replaced(word: str) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    files = [ROOT / name for name in listed if name.endswith((".py", ".md", ".yaml")) and "laptop" not in name]
    pattern = re.compile(REPLACED[word])
    hits = [
        path.name
        for path in files
        if path.exists() and path.name != "test_docs.py" and pattern.search(path.read_text())
    ]
    assert hits == []


def test_the_readme_fits_a_screen() -> None:
    assert len((ROOT / "README.md").read_text().split()) < 1_200
