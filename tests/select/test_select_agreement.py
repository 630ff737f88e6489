"""Rows that other replies, or a judge, speak against."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stages.filter.agreement import votes
from stages.select.agreement import disagreement, judged_low, minority
from tests.filter.test_agreement import ROWS
from tests.select.settings import select

COUNTED = votes(ROWS).with_columns(s_judge=pl.Series([4.0, 4.0, 4.0, 4.0, 1.0, None, 2.5]))


def found(rule: Callable, **asked: object) -> list[tuple[int, str]]:
    kept, lost = rule(COUNTED, None, Path(), select(**asked))
    assert sorted([*kept["row"], *lost["row"]]) == list(range(7))
    return lost.select("row", "detail").rows()


def test_what_most_contradict_is_a_minority_and_of_a_tie_the_first_stays() -> None:
    assert found(minority) == [
        (3, "got 5, 1 of 3 replies say so; most say 4"),
        (5, "got 8, 1 of 2 replies say so; most say 7"),
    ]


def test_a_low_share_is_a_disagreement() -> None:
    assert [row for row, _ in found(disagreement, min_share=0.6)] == [3, 4, 5]
    assert found(disagreement, min_share=0.6)[1][1] == "1 of 2 replies give 7, wanted a share of 0.6"


def test_a_low_grade_is_judged_low_and_no_grade_is_not() -> None:
    assert found(judged_low, min_grade=3.0) == [
        (4, "the judge gives 1.0, wanted 3.0"),
        (6, "the judge gives 2.5, wanted 3.0"),
    ]


def test_without_any_grade_it_says_where_to_ask_for_them() -> None:
    ungraded = COUNTED.with_columns(s_judge=pl.lit(None, pl.Float64))
    with pytest.raises(
        SystemExit, match=r"select.min_grade: got a threshold and no row with a grade, wanted whom to ask"
    ):
        judged_low(ungraded, None, Path(), select(min_grade=3.0))
