"""Steps, repetition and the votes' entropy are those counted by hand."""

from math import log
from pathlib import Path

import polars as pl
import pytest

from stages.rows.parquet import writing
from stages.rows.row import schema
from stages.score.columns.shape import measured, steps, vote_entropy


@pytest.mark.parametrize(
    ("target", "short", "count"),
    [
        ("12 + 7 = 19. #### 19", "#### 19", 1),
        ("It costs 3.50 now. Is that all? Yes! #### 3.50", "#### 3.50", 3),
        ("Add them\n12 + 7 = 19\n\nSo it is 19. #### 19", "#### 19", 3),
        ("1. Add them.\n2. Take 3.\n- Done #### 9", "#### 9", 3),
        ('He said "no." Then he left. #### neutral', "#### neutral", 2),
        ('{"reasoning": "Add \\"them\\". It is\\n19.", "answer": "19"}', '{"answer": "19"}', 3),
        ("#### 19", "#### 19", 0),
        ("A summary. Of two sentences.", None, 0),
        (None, None, 0),
    ],
)
def test_steps_are_the_sentences_and_lines_before_the_answer(target: str, short: str | None, count: int) -> None:
    row = pl.DataFrame({"target": [target], "short": [short]}, schema={"target": pl.String, "short": pl.String})
    assert row.select(steps()).item() == count


def test_the_entropy_is_that_of_the_votes_of_all_readable_replies() -> None:
    shares = {"two to one": [2 / 3, 2 / 3, 1 / 3, None], "agreed": [1.0, 1.0], "no votes": [None, None]}
    rows = pl.DataFrame(
        [(id, share) for id, some in shares.items() for share in some], schema=["id", "agreement"], orient="row"
    )
    found = dict(zip(rows["id"], vote_entropy(rows), strict=True))
    assert found == {"two to one": pytest.approx(log(3) - 2 / 3 * log(2)), "agreed": 0.0, "no votes": None}
    assert str(found["agreed"]) == "0.0"


def test_rejected_rows_vote_and_have_no_numbers(tmp_path: Path) -> None:
    again = "a b c d e a b c d e"  # 7 4-grams, of which "a b c d" and "b c d e" come a second time
    kinds = [(again, None, 0.5), ("a b c d e f", "wrong", 0.5), ("f g", None, None)]
    columns = schema("filter")
    rows = [
        dict.fromkeys(columns)
        | {"id": "p", "style": "cot", "sample": sample, "target": target, "reason": reason, "agreement": agreement}
        for sample, (target, reason, agreement) in enumerate(kinds)
    ]
    with writing(tmp_path / "rows.parquet", columns) as write:
        for row in rows:  # row groups of one row each
            write(pl.DataFrame([row], schema=columns))
    found = pl.concat(measured(tmp_path / "rows.parquet"))
    assert found.rows() == [("p", "cot", 0, 0.0, 0.2857, 0.6931), ("p", "cot", 2, 0.0, 0.0, 0.6931)]
