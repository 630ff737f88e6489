"""Real input: all 8,792 GSM8K problems and 1,319 completions of a 175B model, through three stages.

The filter's verdicts agree with the publisher's `is_correct` on all 1,319 rows, so there is no
disagreement to rule on. Five completions name no answer: they were cut off, and the publisher too
counts them as not correct.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dvc.utils.hydra import apply_overrides

from stages.filter.rules import ROW_RULES
from stages.rows.parquet import read_rows
from stages.rows.prompt import read_prompts
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

REAL = Path(os.environ.get("POTSTILL_REAL_DATA", ROOT.parent / "shared" / "data")) / "gsm8k"
RECORDED = "solutions_175b_finetuning.jsonl"

pytestmark = pytest.mark.skipif(
    not REAL.exists(),
    reason=f"the real GSM8K files are not at hand in {REAL}; set POTSTILL_REAL_DATA to their parent folder",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder where prompts, generate and filter have run on the data set gsm8k-recorded."""
    folder = tmp_path_factory.mktemp("gsm8k")
    copy_settings(folder)
    apply_overrides(str(folder / "params.yaml"), ["dataset=gsm8k-recorded"])
    shutil.copytree(ROOT / "data/retention", folder / "data/retention")
    sets = folder / "data/sets/gsm8k-recorded/rows"
    sets.mkdir(parents=True)
    for name in ("train.jsonl", "test.jsonl", RECORDED):
        shutil.copy(REAL / name, sets)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    for stage in ("prompts", "generate", "filter"):
        subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=folder, env=environment, check=True)
    return folder


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def test_every_problem_and_completion_is_accounted_for(folder: Path) -> None:
    prompts = json.loads((folder / "metrics/prompts.json").read_text())["prompts"]
    assert (prompts["train"], prompts["validation"], prompts["test"]) == (1319, 0, 7473)
    assert (prompts["recorded"], prompts["recorded_unmatched"]) == (1319, 0)
    generate = json.loads((folder / "metrics/generate.json").read_text())["generate"]
    assert (generate["completions"], generate["unanswered"]) == (1319, 0)
    filter = json.loads((folder / "metrics/filter.json").read_text())["filter"]
    assert filter["passed"] + sum(filter["rejected"].values()) == filter["rows"] == 1319


def test_verdicts_agree_with_the_publishers(folder: Path) -> None:
    published = {row["question"]: row["is_correct"] for row in rows(REAL / RECORDED)}
    filtered = read_rows(folder / "data/filtered/rows.parquet", ("id", "reason"))
    about_replies = [rule.reason for rule in ROW_RULES if rule.group in ("reply", "answer")]
    refused = set(filtered.filter(pl.col("reason").is_in(about_replies))["id"])
    prompts = read_prompts(folder / "data/prompts/train.jsonl")
    verdicts = {prompt.messages["plain"][1].content: prompt.id not in refused for prompt in prompts}
    disagreements = [question for question, verdict in verdicts.items() if verdict != published[question]]
    assert len(verdicts) == 1319
    assert disagreements == []
