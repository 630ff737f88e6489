"""The numbers of `score` as lines of a table, before and after selection."""

import polars as pl

from stages.select.distribution import HEAD, distributions

PASSED = pl.DataFrame(
    {
        "is_validation": [False] * 10 + [True],
        "s_judge": [0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 9.9, 10.0, None, None, 99.0],
        "s_vector": [float(i) for i in range(11)],
        "s_off": [None] * 11,
    },
    schema_overrides={"s_off": pl.Float64},
)


def test_a_number_that_is_on_has_its_points_and_ten_bars() -> None:
    learnt = PASSED.filter(pl.col("s_judge") > 1)
    assert distributions(PASSED, learnt) == [
        *HEAD,
        # four in 0 to 1, two in 2 to 3, two in 9 to 10: the whole height is four, half of it two
        "| judge | before | 8 | 0 | 2 | 10 | █·▄······▄ |",
        "| judge | learnt | 4 | 2 | 9.9 | 10 | ··█······█ |",
    ]


def test_numbers_that_are_all_one_are_one_bar_and_none_at_all_no_table() -> None:
    assert distributions(PASSED.with_columns(s_judge=1.5), PASSED[:0])[2:] == [
        "| judge | before | 10 | 1.5 | 1.5 | 1.5 | █········· |",
        "| judge | learnt | 0 |  |  |  | ·········· |",
    ]
    assert distributions(PASSED.drop("s_judge"), PASSED.drop("s_judge")) == []
