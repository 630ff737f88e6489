"""Rows for which a condition is false, or that are below their class."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stages.select.conditions import below_class, not_wanted
from stages.select.sql import NAMES
from tests.select.settings import select

ROWS = pl.DataFrame(
    {
        **dict.fromkeys(NAMES.values(), [""] * 6),
        "row": range(6),
        "words": [10, 20, 30, 40, 50, 60],
        "vote": ["a", "a", "a", "b", "b", None],
        "is_validation": [False, False, False, False, False, True],
        "s_repetition": [0.1, 0.5, None, 0.25, 0.3, 0.9],
        "s_nll_teacher": [0.1, 0.2, 0.6, 0.4, 0.4, 9.0],
        "s_entropy_student": [1.0, 3.0, 2.0, 0.7, 0.7, 0.0],
        "s_knn": [None] * 6,
    },
    schema_overrides={"row": pl.UInt32, "s_knn": pl.Float64},
)


def found(rule: Callable, **asked: object) -> list[tuple[int, str]]:
    kept, lost = rule(ROWS, None, Path(), select(**asked))
    assert sorted([*kept["row"], *lost["row"]]) == list(range(6))
    assert kept.columns == ROWS.columns
    return lost.select("row", "detail").rows()


def test_a_row_for_which_the_condition_is_false_goes_and_null_speaks_against_nothing() -> None:
    assert found(not_wanted, where="repetition < 0.3") == [
        (1, "repetition is 0.5, wanted repetition < 0.3"),
        (4, "repetition is 0.3, wanted repetition < 0.3"),
    ], "2 has none, 5 is held out for validation"
    assert found(not_wanted, where="words < 40 or answer = 'b'") == []
    assert found(not_wanted, where="words > 10 and words <> 30 and answer is not null") == [
        (0, "words is 10, answer is a, wanted words > 10 and words <> 30 and answer is not null"),
        (2, "words is 30, answer is a, wanted words > 10 and words <> 30 and answer is not null"),
    ]


def test_a_row_below_the_mean_of_its_class_in_one_number_goes() -> None:
    """LLKD: of a the mean confidence is (0.9048 + 0.8187 + 0.5488) / 3 = 0.7575, the mean entropy 2."""
    numbers = "exp(-nll_teacher); entropy_student"
    assert found(below_class, per_class={"numbers": numbers, "of": "answer"}) == [
        (0, "entropy_student is 1.0, the mean of a is 2.0"),
        (2, "exp(-nll_teacher) is 0.5488, the mean of a is 0.7575"),
    ], "both of b are its mean, and 5 is held out for validation"
    assert [row for row, _ in found(below_class, per_class={"numbers": "entropy_student", "of": "1"})] == [0, 3, 4], (
        "one class of five rows, of mean 1.48"
    )


@pytest.mark.parametrize(
    ("rule", "asked", "message"),
    [
        (
            not_wanted,
            {"where": "repetitoin < 1"},
            "select.where: got 'repetitoin < 1', wanted a SQL expression over id, .* knn ",
        ),
        (not_wanted, {"where": "words + 1"}, "select.where: got 'words . 1', which gives Int64, wanted a condition"),
        (
            not_wanted,
            {"where": "knn < 1"},
            "select.where: got 'knn < 1' and no row with a knn, wanted its column switched",
        ),
        (
            below_class,
            {"per_class": {"numbers": "words; wrods"}},
            "select.per_class.numbers: got 'wrods', wanted a SQL expression over id, task",
        ),
        (
            below_class,
            {"per_class": {"numbers": "words", "of": "lable"}},
            "select.per_class.of: got 'lable', wanted a SQL expression over id, task",
        ),
        (
            below_class,
            {"per_class": {"numbers": "words; answer"}},
            "select.per_class.numbers: got 'answer', which gives String, wanted numbers",
        ),
    ],
)
def test_bad_sql_is_one_clear_error(rule: Callable, asked: dict[str, object], message: str) -> None:
    with pytest.raises(SystemExit, match=f"^params.yaml: {message}"):
        found(rule, **asked)
