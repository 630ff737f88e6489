"""Whose replies are learnt, by how many of them are right."""

from pathlib import Path

import polars as pl
import pytest

from stages.select.sources import other_source, to_weights, with_right_share
from tests.select.settings import select
from tests.select.stage import row, run_select, said

# of 4 replies to train prompts teacher has 3 right, base-70b 1, of which one each passes no filter or is unreadable
REPLIES = [
    *(row(id, 0, id, is_right=True) for id in "abc"),
    row("d", 0, "d", "wrong", is_right=False),
    row("v", 0, "v", is_right=True, is_validation=True),
    row("a", 1, "a!", source="base-70b", is_right=True),
    row("b", 1, "b!", "wrong", source="base-70b", is_right=False),
    row("c", 1, "", "unreadable", source="base-70b", is_right=None),
    row("d", 1, "d!", "wrong", source="base-70b", is_right=False),
    row("v", 1, "v!", source="base-70b", is_right=True, is_validation=True),
]


def test_the_best_source_alone_is_learnt_and_validation_is_as_ever(folder: Path) -> None:
    lines = run_select(REPLIES, "sources.use=best")
    assert [id for id, *_ in said(lines["train"])] == ["a", "b", "c"]
    assert [text for *_, text, _ in said(lines["validation"])] == ["v", "v!"]
    rows = pl.read_parquet("data/selected/rows.parquet").filter(pl.col("reason") == "other_source")
    assert rows.select("id", "sample", "detail").rows() == [
        ("a", 1, "base-70b is right in 25.0 % of its replies, teacher in 75.0 %")
    ]


def test_weights_are_shares_of_right_replies_of_mean_one(folder: Path) -> None:
    """Three rows of 3/4 and one of 1/4: the mean is 0.625."""
    lines = run_select(REPLIES, "sources.use=weighted")
    assert [id for id, *_ in said(lines["train"])] == ["a", "b", "c", "a"]
    assert [weight for *_, weight in said(lines["train"])] == pytest.approx([1.2, 1.2, 1.2, 0.4])
    assert [weight for *_, weight in said(lines["validation"])] == [None, None]
    squares = [weight for *_, weight in said(run_select(REPLIES, "sources={use: weighted, power: 2.0}")["train"])]
    assert squares == pytest.approx([9 / 7, 9 / 7, 9 / 7, 1 / 7]), "9/16 and 1/16 over their mean of 28/64"
    even = [weight for *_, weight in said(run_select(REPLIES, "sources={use: weighted, power: 0.0}")["train"])]
    assert even == [1.0] * 4


def test_weights_of_sources_and_of_prompts_multiply() -> None:
    rows = with_right_share(pl.DataFrame(REPLIES, infer_schema_length=None).with_row_index("row"))
    kept = rows.filter(pl.col("reason").is_null() & ~pl.col("is_validation"))
    weights = to_weights(kept, select(weigh="prompts", sources={"use": "weighted"}))
    assert weights["weight"].to_list() == pytest.approx([0.6, 1.2, 1.2, 0.2])


def test_a_task_in_which_nothing_is_right_has_no_best_source() -> None:
    rows = pl.DataFrame([one | {"is_right": None} for one in REPLIES], infer_schema_length=None).with_row_index("row")
    kept = with_right_share(rows).filter(pl.col("reason").is_null())
    message = (
        r"select.sources.use: got no reply to a math prompt that is right, wanted some to compare base-70b, teacher by"
    )
    with pytest.raises(SystemExit, match=message):
        other_source(kept, None, Path(), select(sources={"use": "best"}))
    with pytest.raises(SystemExit, match=message):
        to_weights(kept, select(sources={"use": "weighted"}))
