"""A budget of rows: the best by a SQL expression or a draw, shares by domain, and clear errors."""

import math
import re
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from stages.select.budget import beyond, not_selected
from stages.select.params import Budget
from stages.select.split import allot, smoothed, to_shares
from stages.select.sql import NAMES
from stages.statistics.rows import position
from tests.select.settings import select

ROWS = pl.DataFrame(
    {
        "row": range(6),
        "id": [f"p{i}" for i in range(6)],
        "task": "nli",
        "source": "teacher",
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
    return select(budget={"rows": 3} | changed).budget


def found(**changed: object) -> pl.DataFrame:
    budget = asked(**changed)
    return beyond(ROWS, budget, to_shares(ROWS.with_columns(is_validation=False), budget))


def lost(**changed: object) -> list[int]:
    return found(**changed)["row"].to_list()


def test_random_keeps_the_rows_that_were_drawn_highest() -> None:
    assert lost() == [2, 3, 4]


def test_the_highest_of_an_expression_stay_and_of_equals_the_first() -> None:
    assert lost(order="-words") == [3, 4, 5]
    assert lost(order="judge") == [0, 1, 5], "4, then 2 and 3; a row without a grade comes last"
    assert lost(order="judge", rows=2) == [0, 1, 3, 5]
    assert lost(order="ln(words - 45)", rows=2) == [0, 1, 2, 3], "what is no number comes last too"


def test_a_quota_is_a_share_of_the_budget_and_the_others_get_the_rest() -> None:
    assert lost(order="words", domain="answer", quotas={"a": 0.34}, rows=3) == [0, 1, 2], (
        "one of a, the longest; then c and b"
    )
    assert lost(order="words", domain="answer", quotas={"b": 0.67}, rows=3) == [0, 1, 2], (
        "b has one row, so two are left for the others"
    )


def test_what_is_lost_says_its_score() -> None:
    assert found(rows=5, order="words")["detail"].to_list() == ["words is 10, not among the best 5"]
    quota = {"domain": "answer", "quotas": {"a": 0.4}}
    assert found(rows=5, order="words", **quota)["detail"].to_list() == ["words is 10, not among the best 3 of a"], (
        "b and c have two of the other three, so a gets one more than its two"
    )


def test_a_share_is_of_the_train_rows_and_rounds_down() -> None:
    assert lost(rows=0, share=0.5, order="words") == [0, 1, 2]
    assert lost(rows=0, share=0.4, order="words") == [0, 1, 2, 3], "2.4 of 6 rows"
    with_validation = pl.concat([ROWS.with_columns(is_validation=pl.col("row") < 2)])
    _, gone = not_selected(with_validation, None, Path(), select(budget={"share": 0.5, "order": "-words"}))
    assert gone["row"].to_list() == [4, 5], "of the four train rows"


def test_a_budget_beyond_the_rows_is_a_line_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert lost(rows=1000) == []
    assert capsys.readouterr().err == "select: budget.rows is 1,000, and 6 train rows are left: all stay\n"


def test_a_domain_gets_its_share_by_size_to_whole_rows() -> None:
    assert lost(rows=3, order="words", domain="answer", split="size") == [0, 1, 5], (
        "4/6, 1/6 and 1/6 of 3 rows are 2, 0.5 and 0.5: the first of equals gets the odd row"
    )
    assert found(rows=3, order="words", domain="answer", split="size")["detail"].to_list()[-1] == (
        "words is 60, not among the best 0 of c"
    )


def test_what_a_domain_cannot_fill_goes_to_the_others_by_their_shares() -> None:
    assert allot(12, {"a": 0.5, "b": 0.25, "c": 0.25}, {"a": 2, "b": 100, "c": 100}) == {"a": 2, "b": 5, "c": 5}
    assert allot(12, {"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 2, "b": 5, "c": 9}) == {"a": 2, "b": 5, "c": 5}
    assert allot(12, {"a": 0.5, "b": 0.5}, {"a": 2, "b": 3}) == {"a": 2, "b": 3}, "there are no more"
    assert allot(7, {"a": 0.5, "b": 0.5, None: 0.0}, {"a": 9, "b": 9, None: 9}) == {"a": 4, "b": 3}


def test_topics_are_domains_by_their_whole_numbers() -> None:
    topics = ROWS.with_columns(s_topic=pl.Series([0.0, 0.0, 1.0, 1.0, 1.0, 12.0]), is_validation=False)
    assert to_shares(topics, asked(domain="topic", split="size")) == {"0": 2 / 6, "1": 3 / 6, "12": 1 / 6}


def test_a_weighted_draw_is_in_proportion_to_the_order_and_the_same_each_time() -> None:
    assert lost(draw="weighted", order="1", rows=1) == [0, 2, 3, 4, 5], "alike: the row that `random` draws highest"
    heavy = "case when words = 30 then 100 else 1 end"
    # ln 100 - ln(-ln 0.1) = 4.605 - 0.834 = 3.77 against -ln(-ln 0.9) = 2.25
    assert lost(draw="weighted", order=heavy, rows=1) == [0, 1, 3, 4, 5]
    assert lost(draw="weighted", order="case when words = 20 then 0 else 1 end", rows=5) == [1], "nothing of no weight"
    some = pl.DataFrame({"row": range(20_000)}, schema={"row": pl.UInt32}).with_columns(
        vote=pl.when(pl.col("row") % 2 == 0).then(pl.lit("even")).otherwise(pl.lit("odd")),
        random=pl.Series([position(f"1/{i}/0") for i in range(20_000)]),
        **{name: pl.lit(0) for name in ROWS.columns if name not in ("row", "vote", "random")},
    )
    order = "case when answer = 'even' then 3 else 1 end"
    gone = beyond(some, asked(draw="weighted", order=order, rows=400), {})
    kept = some.join(gone, on="row", how="anti")
    assert (kept["vote"] == "even").mean() == pytest.approx(0.75, abs=0.065), "3 standard deviations of 400 draws"


def test_the_gap_of_perplexities_decides_a_part_of_the_quotas() -> None:
    """DDK: a's student has twice the teacher's perplexity, b's the same; softmax(2, 1) = 0.7311, 0.2689."""
    log2 = math.log(2)
    rows = pl.concat([ROWS, ROWS.with_columns(row=pl.col("row") + 6)]).with_columns(
        is_validation=pl.col("row") >= 6,
        vote=pl.when(pl.col("words") < 40).then(pl.lit("a")).otherwise(pl.lit("b")),
        s_nll_teacher=pl.when(pl.col("row") >= 6).then(1.0),
        s_nll_student=pl.Series([0.0] * 6 + [1 + log2 - 0.5, 1 + log2, 1 + log2 + 0.5, 1.0, 1.0, None]),
    )
    shares = to_shares(rows, asked(domain="answer", split="gap"))
    assert shares == pytest.approx({"a": 0.5 * 0.7311 + 0.25, "b": 0.5 * 0.2689 + 0.25}, abs=1e-4)
    assert to_shares(rows, asked(domain="answer", split="gap", alpha=0.0)) == {"a": 0.5, "b": 0.5}
    without_a = rows.filter((pl.col("row") < 6) | (pl.col("vote") == "b"))
    assert to_shares(without_a, asked(domain="answer", split="gap")) == {"a": 0.5, "b": 0.5}, "as b, the only other"
    with pytest.raises(SystemExit, match=r"select.budget.split: got gap and no validation row of a domain such as 'a'"):
        to_shares(rows.filter(pl.col("row") < 6), asked(domain="answer", split="gap"))


def test_a_large_ratio_does_not_overflow() -> None:
    assert smoothed({"a": 5000.0, "b": 1.0}, 0.5) == {"a": 0.75, "b": 0.25}


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


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"share": 0.5}, "share\n  Value error, rows is 3, and one of the two should be off"),
        ({"split": "size", "quotas": {"a": 0.5}}, "quotas\n  Value error, split is size, and quotas should be empty"),
        ({"split": "sise"}, "split\n  Input should be 'none', 'size' or 'gap'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        asked(**changed)


def test_a_draw_by_numbers_below_zero_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"select.budget.order: got '-words', which is -60 for a row, wanted numbers"):
        lost(draw="weighted", order="-words")
