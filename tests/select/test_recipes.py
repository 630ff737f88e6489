"""The recipes of selection say what they mean: which rows they leave of rows made by hand."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from stages.select.rules import apply_rules
from stages.select.sql import NAMES
from tests.architecture.closure import ROOT
from tests.select.settings import select

NUMBERS = (
    "judge",
    "nll_teacher",
    "nll_student",
    "nll_reference",
    "entropy_student",
    "topic",
    "repetition",
    "reward",
    "knn",
)
# four rows to train on and two, one of each topic, to validate on
ROWS = pl.DataFrame(
    {
        **dict.fromkeys(NAMES.values(), [0] * 6),
        **{f"s_{name}": [1.0] * 6 for name in NUMBERS},
        **{"row": range(6), "vote": ["a", "a", "b", "b", "a", "b"], "is_validation": [False] * 4 + [True] * 2},
        **{"s_topic": [0.0, 0.0, 1.0, 1.0, 0.0, 1.0], "random": [0.2, 0.4, 0.6, 0.8, 0.1, 0.1], "id": list("abcdef")},
        **{"has_gold": [None] * 6, "right_share": [1.0] * 6},
    },
    schema_overrides={"row": pl.UInt32, "has_gold": pl.Boolean},
)


def lost(recipe: str, **columns: list[float]) -> list[tuple[str, str]]:
    """(row, reason) of those that its rules reject."""
    asked: dict[str, Any] = YAML(typ="safe").load(ROOT / f"recipes/{recipe}.yaml")["select"]
    rows = ROWS.with_columns(pl.Series(name, values) for name, values in columns.items())
    _, rejected = apply_rules(rows, lambda some: some["id"], Path(), select(**asked))
    return rejected.sort("row").join(ROWS, on="row", how="left", maintain_order="left").select("id", "reason").rows()


@pytest.mark.parametrize(
    ("recipe", "columns", "rejected"),
    [
        ("mini-plm", {"s_nll_reference": [3.0, 2.0, 1.5, 4.0, 0, 0]}, "bc"),
        ("llkd", {"s_nll_teacher": [1.0, 2.0, 1.0, 1.0, 0, 0], "s_entropy_student": [1.0, 1.0, 2.0, 3.0, 9, 9]}, "bc"),
        ("kmq", {"s_nll_teacher": [50.0, 1.0, 0.0, 50.0, 1, 1]}, "ad"),
        # perplexity ratios 3 and 0: softmax 0.95 and 0.05, so 0.73 and 0.27 of two rows, 1.45 and 0.55, or one of each
        ("ddk", {"s_nll_student": [1.0, 1.0, 1.0, 1.0, 1 + 1.0986, -9.0]}, "ac"),
        ("instruct-mining", {"s_knn": [0.1, 0.3, 0.2, 0.4, 0, 0]}, "ac"),
        ("no-degeneration", {"s_repetition": [0.1, 0.31, 0.3, 0.0, 0.9, 0.9]}, "bc"),
    ],
)
def test_a_recipe_leaves_the_rows_that_it_should(recipe: str, columns: dict[str, list[float]], rejected: str) -> None:
    found = lost(recipe, **columns)
    assert "".join(id for id, _ in found) == rejected
    reason = {"llkd": "below_class", "no-degeneration": "not_wanted"}.get(recipe, "not_selected")
    assert {why for _, why in found} == {reason}
