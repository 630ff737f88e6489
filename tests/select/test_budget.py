"""A budget of rows: the best by a SQL expression, shares by domain, and clear errors."""

import polars as pl
import pytest

from stages.select.budget import NAMES, beyond
from stages.select.params import Budget

ROWS = pl.DataFrame(
    {
        "row": range(6),
        "id": [f"p{i}" for i in range(6)],
        "task": "nli",
        "vote": ["a", "a", "a", "a", "b", "c"],
        "sample": 0,
        "words": [10, 20, 30, 40, 50, 60],
        "characters": [60, 120, 180, 240, 300, 360],
        "completion_tokens": [1] * 6,
        "votes": [1] * 6,
        "agreement": [1.0] * 6,
        "s_judge": [None, 2.0, 3.0, 3.0, 5.0, 1.0],
        "s_nll_teacher": [1.5] * 6,
        "cluster": [1] * 6,
        "random": [0.5, 0.9, 0.1, 0.3, 0.2, 0.4],
    },
    schema_overrides={"row": pl.UInt32},
)


def asked(**changed: object) -> Budget:
    return Budget.model_validate({"rows": 3, "order": "random", "domain": "task", "quotas": {}, "seed": 1} | changed)


def lost(**changed: object) -> list[int]:
    return beyond(ROWS, asked(**changed))["row"].to_list()


def test_random_keeps_the_rows_that_were_drawn_highest() -> None:
    assert lost() == [2, 3, 4]


def test_the_highest_of_an_expression_stay_and_of_equals_the_first() -> None:
    assert lost(order="-words") == [3, 4, 5]
    assert lost(order="judge") == [0, 1, 5], "4, then 2 and 3; a row without a grade comes last"
    assert lost(order="judge", rows=2) == [0, 1, 3, 5]


def test_a_quota_is_a_share_of_the_budget_and_the_others_get_the_rest() -> None:
    assert lost(order="words", domain="answer", quotas={"a": 0.34}, rows=3) == [0, 1, 2], (
        "one of a, the longest; then c and b"
    )
    assert lost(order="words", domain="answer", quotas={"b": 0.67}, rows=3) == [0, 1, 2], (
        "b has one row, so two are left for the others"
    )


def test_what_is_lost_says_its_score() -> None:
    assert beyond(ROWS, asked(rows=5, order="words"))["detail"].to_list() == ["words is 10, not among the best 5"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"order": "wrods"},
            f"params.yaml: select.budget.order: got 'wrods', wanted a SQL expression over {', '.join(NAMES)}, judge, nll_teacher ",
        ),
        ({"order": "words +"}, "params.yaml: select.budget.order: got 'words [+]', wanted a SQL expression over "),
        (
            {"domain": "DROP TABLE x"},
            "params.yaml: select.budget.domain: got 'DROP TABLE x', wanted a SQL expression over ",
        ),
        (
            {"domain": "answer", "quotas": {"z": 0.5}},
            "select.budget.quotas: got the domain 'z', wanted one that select.budget.domain gives: a, b, c",
        ),
    ],
)
def test_a_bad_expression_is_one_clear_error(changed: dict[str, object], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        lost(**changed)
