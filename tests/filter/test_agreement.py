"""Votes of the replies to one prompt, counted by hand."""

import polars as pl

from stages.filter.agreement import votes

# p1: 4, 4, 5 and one unreadable; p2: 7, 8 (a tie, 7 came first); p3: a summary
ROWS = pl.DataFrame(
    {
        "row": range(7),
        "id": ["p1", "p1", "p1", "p1", "p2", "p2", "p3"],
        "vote": ["4", "4", None, "5", "7", "8", None],
    },
    schema_overrides={"row": pl.UInt32},
)


def test_agreement_is_the_share_of_the_readable_replies() -> None:
    counted = votes(ROWS)
    assert counted["agreement"].to_list() == [2 / 3, 2 / 3, None, 1 / 3, 0.5, 0.5, None]
    assert counted["votes"].to_list() == [3, 3, 3, 3, 2, 2, None]
    assert counted["majority"].to_list() == ["4", "4", "4", "4", "7", "7", None]
