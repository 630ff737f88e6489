"""Votes of the replies to one prompt, counted by hand."""

import polars as pl

from stages.filter.agreement import disagreeing, votes
from stages.filter.params import Agreement

# p1: 4, 4, 5 and one unreadable; p2: 7, 8 (a tie, 7 came first); p3: a summary
ROWS = pl.DataFrame(
    {
        "row": range(7),
        "id": ["p1", "p1", "p1", "p1", "p2", "p2", "p3"],
        "vote": ["4", "4", None, "5", "7", "8", None],
        "judge": [4.0, 4.0, 4.0, 4.0, 1.0, None, 2.5],
    },
    schema_overrides={"row": pl.UInt32},
)


def found(**asked: float) -> list[tuple[int, str, str]]:
    return disagreeing(votes(ROWS), Agreement.model_validate({"majority": False, "min_share": 0.0, "min_judge": 0.0} | asked)).rows()


def test_agreement_is_the_share_of_the_readable_replies() -> None:
    counted = votes(ROWS)
    assert counted["agreement"].to_list() == [2 / 3, 2 / 3, None, 1 / 3, 0.5, 0.5, None]
    assert counted["votes"].to_list() == [3, 3, 3, 3, 2, 2, None]
    assert counted["majority"].to_list() == ["4", "4", "4", "4", "7", "7", None]


def test_all_off_rejects_nothing() -> None:
    assert found() == []


def test_what_most_contradict_is_a_minority_and_of_a_tie_the_first_stays() -> None:
    assert found(majority=True) == [
        (3, "minority", "got 5, 1 of 3 replies say so; most say 4"),
        (5, "minority", "got 8, 1 of 2 replies say so; most say 7"),
    ]


def test_a_low_share_is_a_disagreement() -> None:
    assert [(row, reason) for row, reason, _ in found(min_share=0.6)] == [(3, "disagreement"), (4, "disagreement"), (5, "disagreement")]
    assert found(min_share=0.6)[1][2] == "1 of 2 replies give 7, wanted a share of 0.6"


def test_a_low_grade_is_judged_low_and_no_grade_is_not() -> None:
    assert found(min_judge=3.0) == [(4, "judged_low", "the judge gives 1.0, wanted 3.0"), (6, "judged_low", "the judge gives 2.5, wanted 3.0")]
