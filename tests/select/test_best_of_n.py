"""Which of several good replies stays."""

from pathlib import Path

import polars as pl
import pytest

from stages.select.best_of_n import not_chosen
from tests.select.settings import select

TARGETS = [
    "first we add two and three and get five",  # 0: p1
    "first we add two and three and get five then",  # 1: p1, like 0 (7 of 8 3-grams)
    "by counting on from three we come to five",  # 2: p1, unlike
    "five",  # 3: p1, unlike and shortest
    "one reply alone",  # 4: p2
]
ROWS = pl.DataFrame(
    {
        "row": range(5),
        "id": ["p1"] * 4 + ["p2"],
        "sample": [0, 1, 2, 3, 0],
        "characters": [len(text) for text in TARGETS],
    },
    schema_overrides={"row": pl.UInt32},
)


def texts(rows: pl.DataFrame) -> pl.Series:
    return pl.Series([TARGETS[row] for row in rows["row"]])


@pytest.mark.parametrize(
    ("asked", "rejected"),
    [
        ({"which": "first"}, [(row, "sample 0 is the first good reply") for row in (1, 2, 3)]),
        ({"which": "shortest"}, [(row, "sample 3 is the shortest good reply") for row in (0, 1, 2)]),
        ({"which": "diverse", "most": 4, "similar": 0.5}, [(1, "like sample 0 (Jaccard 0.88)")]),
        (
            {"which": "diverse", "most": 2, "similar": 0.5},
            [(1, "like sample 0 (Jaccard 0.88)"), (3, "good reply 3 of at most 2")],
        ),
        ({"which": "diverse", "most": 4, "similar": 0.9}, []),
    ],
)
def test_what_is_not_chosen(asked: dict[str, object], rejected: list[tuple[int, str]]) -> None:
    kept, found = not_chosen(ROWS, texts, Path(), select(best_of_n=asked))
    assert found.sort("row").select("row", "detail").rows() == rejected
    assert set(kept["row"]) == set(range(5)) - {row for row, _ in rejected}
