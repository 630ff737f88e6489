"""Real English texts are not taken for another language."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from stages.filter.language import UNKNOWN, languages
from tests.architecture.closure import ROOT

REAL = Path(os.environ.get("POTSTILL_REAL_DATA", ROOT.parent / "shared" / "data"))

pytestmark = pytest.mark.skipif(
    not REAL.exists(), reason=f"the real data sets are not at hand in {REAL}; set POTSTILL_REAL_DATA to their folder"
)


def texts() -> Iterator[str]:
    for file, text in (
        ("gsm8k/train.jsonl", lambda row: row["answer"]),
        ("dialogsum/dev.jsonl", lambda row: row["summary"]),
        ("commonsense_qa/dev.jsonl", lambda row: row["question"]["stem"]),
    ):
        with (REAL / file).open(encoding="utf-8") as lines:
            yield from (text(json.loads(line)) for line in lines)


def test_english_is_taken_for_english() -> None:
    found = languages(pl.Series(list(texts()))).to_list()
    assert len(found) == 9194
    assert len([name for name in found if name not in ("en", UNKNOWN)]) <= 1, (
        "one solution is equations between names, and is taken for Corsican"
    )
    assert found.count(UNKNOWN) < 50, "short lines of mere numbers"
