"""Real data sets as published, through `prompts`: every row accounted for. And summaries by people, whose entities were
counted by hand."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from stages.rows.prompt import read_prompts
from stages.tasks.answers.entities import by_rule, tokens
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

REAL = Path(os.environ.get("POTSTILL_REAL_DATA", ROOT.parent / "shared" / "data"))

pytestmark = pytest.mark.skipif(
    not REAL.exists(),
    reason=f"the real data sets are not at hand in {REAL}; set POTSTILL_REAL_DATA to their parent folder",
)


def run_prompts(folder: Path, name: str) -> dict[str, int]:
    """The counts of metrics/prompts.json after `prompts` on the data set, whose files are linked, not copied."""
    copy_settings(folder)
    apply_overrides(str(folder / "params.yaml"), [f"dataset={name}", "profile=llama"])
    shutil.copytree(ROOT / "data/retention", folder / "data/retention")
    (folder / f"data/sets/{name}/rows").symlink_to(REAL / name.removesuffix("-dev"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "stages.prompts"], cwd=folder, env=environment, check=True)
    return json.loads((folder / "metrics/prompts.json").read_text())["prompts"]


@pytest.mark.parametrize(
    ("name", "num_train", "num_test", "num_skipped"),
    [("gsm8k", 7473, 1319, 0), ("commonsense_qa", 9741, 1221, 0), ("conjnli", 15_000, 623, 15)],
)
def test_every_row_is_accounted_for(name: str, num_train: int, num_test: int, num_skipped: int, tmp_path: Path) -> None:
    counts = run_prompts(tmp_path, name)
    # conjnli has 15 pairs twice in train, 13 of them with two labels
    assert counts["train"] + counts["validation"] + counts["skipped"] == num_train
    assert (counts["test"], counts["skipped"]) == (num_test, num_skipped)
    assert all(
        len(read_prompts(tmp_path / f"data/prompts/{split}.jsonl")) == counts[split]
        for split in ("train", "validation", "test")
    )


def test_dialogsum_is_parted_anew(tmp_path: Path) -> None:
    counts = run_prompts(tmp_path, "dialogsum-dev")
    assert counts["train"] + counts["validation"] + counts["test"] == 500
    assert min(counts["train"], counts["validation"], counts["test"]) > 0


@pytest.mark.parametrize(
    ("id", "by_hand", "of_the_rule", "num_tokens"),
    [
        ("dev_0", 3, 3, 26),  # three times #Person2#; its number signs are tokens
        ("dev_1", 2, 2, 19),
        ("dev_17", 3, 4, 31),  # "ID card" is no name, but the rule takes "ID" for one
        ("dev_250", 7, 7, 52),  # with titles, a possessive and a percentage
    ],
)
def test_entities_and_tokens_of_real_summaries(id: str, by_hand: int, of_the_rule: int, num_tokens: int) -> None:
    summaries = {row["fname"]: row["summary"] for row in map(json.loads, (REAL / "dialogsum/dev.jsonl").open())}
    assert len(by_rule(summaries[id])) == of_the_rule
    assert abs(of_the_rule - by_hand) <= 1
    assert len(tokens(summaries[id])) == num_tokens
