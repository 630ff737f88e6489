"""Graders of known reliability: how far they agree comes out, and who may rank follows from it."""

from collections.abc import Callable
from random import Random
from typing import Any

import polars as pl
import pytest

from stages.evaluate.trust import report_trust
from stages.evaluate.verdicts import PAIR, SCHEMA, Verdict, between_graders, of_people, with_each_other
from stages.rows.grades import Grade
from tests.evaluate.test_grade import EVALUATE

NUM_PROMPTS = 300
ARMS = ("8b plain", "base-8b plain")
EVEN = {f"p{i}": 1.0 for i in range(NUM_PROMPTS)}


def truth(arm: str, number: int) -> int:
    """The student is a grade better."""
    return Random(f"{arm} {number}").choice([3, 4, 5] if arm == ARMS[0] else [2, 3, 4])


def grader(name: str, reliability: float, num_prompts: int = NUM_PROMPTS, flip: bool = False) -> pl.DataFrame:
    """Gives the true grade in this share of cases and else that of some other prompt, so that the expected kappa of two
    graders is the product of their reliabilities, whatever the weights."""
    found = []
    for arm in ARMS:
        for number in range(num_prompts):
            draw = Random(f"{name} {arm} {number}")
            other = truth(draw.choice(ARMS), draw.randrange(NUM_PROMPTS))
            grade = truth(arm, number) if draw.random() < reliability else other
            grade = 6 - grade if flip else grade
            found.append(Verdict(name, f"p{number}", "overall", arm, "", float(grade), grade - 1))
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def test_people_of_known_reliability_agree_as_far_as_that_lets_them() -> None:
    people = pl.concat([grader("ann", 0.8), grader("ben", 0.9)])
    low, high = between_graders(people, EVALUATE).interval or (1, 0)
    assert low <= 0.8 * 0.9 <= high
    assert high - low < 0.15


@pytest.mark.parametrize("reliability", [0.3, 0.6, 0.95])
def test_a_judge_of_known_reliability_agrees_with_people_as_far_as_that_lets_it(reliability: float) -> None:
    people = pl.concat([grader("ann", 0.8), grader("ben", 0.9)])
    number, kappa, spearman = with_each_other(grader("judge", reliability), people, EVEN, EVALUATE)
    assert number == 2 * 2 * NUM_PROMPTS
    for estimate in (kappa, spearman):
        assert estimate.interval
        assert estimate.interval[0] <= reliability * 0.85 <= estimate.interval[1]


def test_a_judge_that_agrees_on_few_prompts_does_not_rank() -> None:
    """A bootstrap of few prompts that agree is an interval of no width."""
    judge, people = grader("judge", 1.0), grader("ann", 1.0, num_prompts=9)
    report = report_trust(judge, people, EVEN, "overall", EVALUATE)
    (row,) = report["agreement"]
    assert (row["judge"]["kappa"]["value"], row["judge"]["trusted"]) == (1.0, False)
    assert report["ranking"][0]["by"] == "people"
    assert report["ranking"][0]["why"].startswith("the kappa of judge with people is of 9 prompts, fewer than 10, ")
    assert all("with_people" not in arm["judge"] for arm in report["standing"])
    (more,) = report_trust(judge, grader("ann", 1.0, num_prompts=10), EVEN, "overall", EVALUATE)["agreement"]
    assert more["judge"]["trusted"]


def test_a_prompt_counts_by_its_weight() -> None:
    """Where the judge errs prompts were drawn three times as often, so they weigh a third."""
    judge, people = grader("judge", 0.5), grader("ann", 1.0)
    wrong = set(judge.join(people, on=["id", "first"]).filter(pl.col("code") != pl.col("code_right"))["id"])
    some = [f"p{i}" for i in range(NUM_PROMPTS) if f"p{i}" in wrong or i % 3 == 0]
    drawn = people.filter(pl.col("id").is_in(some))
    weights = {id: 1.0 if id in wrong else 3.0 for id in some}
    _, whole, _ = with_each_other(judge, people, EVEN, EVALUATE)
    _, weighted, _ = with_each_other(judge, drawn, weights, EVALUATE)
    _, naive, _ = with_each_other(judge, drawn, dict.fromkeys(some, 1.0), EVALUATE)
    assert whole.value
    assert weighted.value == pytest.approx(whole.value, abs=0.06)
    assert naive.value
    assert naive.value < whole.value - 0.1


def ranked(judge: pl.DataFrame, people: pl.DataFrame) -> dict[str, Any]:
    (found,) = report_trust(judge, people, EVEN, "overall", EVALUATE)["ranking"]
    return found


NOBODY = pl.DataFrame(schema=SCHEMA)


@pytest.mark.parametrize(
    ("judge", "people", "by", "arms", "why"),
    [
        (
            lambda: grader("judge", 0.9),
            lambda: grader("ann", 0.9),
            "judge",
            "8b plain > base-8b plain",
            "at least 0.4, surely",
        ),
        (
            lambda: grader("judge", 0.2),
            lambda: grader("ann", 0.9),
            "people",
            "8b plain > base-8b plain",
            "wanted 0.4 (evaluate.min_kappa",
        ),
        # it ranks the other way round, and nobody asks it
        (
            lambda: grader("judge", 0.9, flip=True),
            lambda: grader("ann", 0.9),
            "people",
            "8b plain > base-8b plain",
            "may be as low as -0.",
        ),
        # a dozen prompts are not enough to be sure of it
        (
            lambda: grader("judge", 0.75),
            lambda: grader("ann", 0.8, 12),
            "people",
            "8b plain > base-8b plain",
            "wanted 0.4",
        ),
        (lambda: grader("judge", 1.0), lambda: NOBODY, "nobody", "", "no person graded overall: see `make grade`"),
        (lambda: NOBODY, lambda: grader("ann", 0.9), "people", "8b plain > base-8b plain", "no judge graded it"),
    ],
    ids=["good", "poor", "reversed", "unsure", "no people", "no judge"],
)
def test_a_judge_ranks_only_where_it_surely_agrees_with_people(
    judge: Callable[[], pl.DataFrame], people: Callable[[], pl.DataFrame], by: str, arms: str, why: str
) -> None:
    found = ranked(judge(), people())
    assert (found["by"], found["arms"]) == (by, arms)
    assert why in found["why"]


def test_a_few_grades_of_people_set_a_judge_that_is_too_kind_right() -> None:
    kind = grader("judge", 0.95).with_columns(value=pl.col("value") + 0.8)
    report = report_trust(kind, grader("ann", 1.0, 60), EVEN, "overall", EVALUATE)
    of_student, _ = report["standing"]
    true = sum(truth(ARMS[0], i) for i in range(NUM_PROMPTS)) / NUM_PROMPTS
    assert of_student["judge"]["alone"]["interval"][0] > true + 0.5
    low, high = of_student["judge"]["with_people"]["interval"]
    assert low <= true <= high
    alone = of_student["people"]["interval"]
    assert high - low < 0.8 * (alone[1] - alone[0])
    assert of_student["judge"]["reliance"] > 0.8


def clicked(number: int, arms: tuple[str, ...], grade: Any, is_repeat: bool = False) -> Grade:
    said = {"id": f"p{number}", "arms": arms, "replies": ("",) * len(arms), "line": "overall", "grade": grade}
    return Grade.model_validate(said | {"is_repeat": is_repeat, "stratum": "rest", "share": 1.0, "seconds": 1.0})


def test_a_pair_is_told_in_the_order_of_the_arms_wherever_it_was_shown_and_a_repeat_is_left_out() -> None:
    left, right = clicked(0, ARMS, "left"), clicked(1, ARMS[::-1], "left")
    again, single = clicked(0, ARMS, "right", is_repeat=True), clicked(2, ARMS[:1], 4)
    found = of_people({"ann": [left, right, clicked(3, ARMS, "tie"), again, single]}, {ARMS})
    assert found.select("id", "line", "first", "second", "value", "code").rows() == [
        ("p0", PAIR, *ARMS, 1.0, 4),
        ("p1", PAIR, *ARMS, 0.0, 0),
        ("p3", PAIR, *ARMS, 0.5, 2),
        ("p2", "overall", ARMS[0], "", 4.0, 3),
    ]


def test_pairs_rank_by_who_won_against_whom() -> None:
    wins = [
        ("8b", "base-8b", 1.0),
        ("8b", "teacher", 0.0),
        ("8b", "teacher", 0.0),
        ("8b", "teacher", 1.0),
        ("8b", "base-8b", 0.5),
    ]
    rows = [
        Verdict("ann", f"p{i}", PAIR, first, second, value, int(4 * value))
        for i, (first, second, value) in enumerate(wins)
    ]
    found = ranked(NOBODY, pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    assert (found["line"], found["by"], found["arms"]) == (PAIR, "people", "teacher > 8b > base-8b")
