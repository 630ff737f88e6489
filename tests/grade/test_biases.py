"""What judges are planted with over HTTP comes out of `grade` and `evaluate` within its interval."""

import os
from itertools import product
from statistics import fmean
from typing import Any
from unittest.mock import patch

import pytest

from stages.evaluate.judges import agreement_of_judges, both_orders, report_judges
from stages.evaluate.verdicts import of_judges
from stages.rows.judged import GRADE_COLUMNS, GRADES, PAIR_COLUMNS, PAIRS, read_judged
from tests.evaluate.test_grade import EVALUATE
from tests.grade.scripted_judge import QUALITY, Judge, Shown, chance, make, read, reply_of, serving
from tests.here import run_here

pytestmark = pytest.mark.slow
NUM_PROMPTS = 200
FAIR = Judge()
LEANING = Judge(first=0.8, length=1.5, own=1.2, ties=0.1, unreadable=0.05)
OTHERS = ("teacher", "base-8b")
PAIR = ("8b plain", "teacher plain")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of each judge: one fair, one that leans and is of the teacher's family."""
    own = "profiles.laptop.teacher.model=org/leaning-405b"
    folder = make(tmp_path_factory.mktemp("judged"), NUM_PROMPTS, "grade.how=pairs", own, judges=("fair", "leaning"))
    with (
        serving({"org/fair": FAIR, "org/leaning": LEANING}) as (address, asked),
        patch.dict(os.environ, OPENAI_BASE_URL=address, OPENAI_API_KEY="x"),
    ):
        code, printed = run_here(folder, "grade")
        assert code == 0, printed
    assert len(asked) == 2 * 2 * 2 * NUM_PROMPTS
    grades, pairs = read_judged(folder / GRADES, GRADE_COLUMNS), read_judged(folder / PAIRS, PAIR_COLUMNS)
    compared = both_orders(pairs)
    reports = {row["judge"]: row for row in report_judges(grades, compared, EVALUATE)}
    return reports | {"agree": agreement_of_judges(of_judges(grades, compared), EVALUATE)}


def chances(judge: Judge, other: str) -> list[tuple[float, float]]:
    """Of each prompt: that the judge prefers the student where it is shown first, and where second."""
    found = []
    for number in range(NUM_PROMPTS):
        student, rival = read(reply_of("8b", number)), read(reply_of(other, number))
        found.append((chance(judge, student, rival), 1 - chance(judge, rival, student)))
    return found


def holds(estimate: dict[str, Any], planted: float) -> bool:
    low, high = estimate["interval"]
    return low <= planted <= high


@pytest.mark.parametrize(("name", "judge"), [("fair", FAIR), ("leaning", LEANING)])
def test_flips_and_the_preference_for_what_is_shown_first(judged: dict[str, Any], name: str, judge: Judge) -> None:
    both = [pair for other in OTHERS for pair in chances(judge, other)]
    decided = 1 - judge.ties
    # where neither is a tie, or one of both
    flips = fmean(decided**2 * (a * (1 - b) + (1 - a) * b) + 2 * decided * judge.ties for a, b in both)
    assert holds(judged[name]["flips"], flips)
    assert holds(judged[name]["for_first"], fmean((a + 1 - b) / 2 for a, b in both))
    assert holds(judged[name]["ties"], judge.ties) or judge.ties == judged[name]["ties"]["value"] == 0


def test_an_order_that_matters_is_seen_and_one_that_does_not_is_not(judged: dict[str, Any]) -> None:
    assert judged["leaning"]["for_first"]["interval"][0] > 0.55
    assert holds(judged["fair"]["for_first"], 0.5)


@pytest.mark.parametrize(
    ("name", "judge", "other"),
    [(*named, other) for named, other in product([("fair", FAIR), ("leaning", LEANING)], OTHERS)],
)
def test_the_length_controlled_win_rate_is_that_of_replies_of_one_length(
    judged: dict[str, Any], name: str, judge: Judge, other: str
) -> None:
    student, rival = Shown(QUALITY["8b"], "8b", 40), Shown(QUALITY[other], other, 40)
    wins = (chance(judge, student, rival) + 1 - chance(judge, rival, student)) / 2
    (row,) = [row for row in judged[name]["comparisons"] if row["second"] == f"{other} plain"]
    assert row["first"] == "8b plain"
    assert holds(row["length_controlled"], (1 - judge.ties) * wins + judge.ties / 2)
    expected = fmean((a + b) / 2 for a, b in chances(judge, other))
    assert holds(row["wins"], (1 - judge.ties) * expected + judge.ties / 2)


def test_a_liking_for_length_is_seen_and_none_where_there_is_none(judged: dict[str, Any]) -> None:
    assert judged["leaning"]["length_of_pairs"]["interval"][0] > 0.2
    assert holds(judged["fair"]["length_of_pairs"], 0.0)


def test_a_liking_for_its_own_family_is_seen_against_the_other_judge(judged: dict[str, Any]) -> None:
    planted = fmean(
        (1 - LEANING.ties) * (1 - (a + b) / 2) + LEANING.ties / 2 - (1 - (c + d) / 2)
        for (a, b), (c, d) in zip(chances(LEANING, "teacher"), chances(FAIR, "teacher"), strict=True)
    )
    assert planted > 0.1
    assert holds(judged["leaning"]["for_own_against_fair"], planted)
    assert judged["fair"]["for_own_against_leaning"] == {"value": None, "interval": None}, "none of them is its own"


def test_what_nobody_can_read_is_counted(judged: dict[str, Any]) -> None:
    assert judged["fair"]["unreadable"] == 0
    assert judged["leaning"]["unreadable"] == pytest.approx(LEANING.unreadable, abs=0.02)


def test_two_judges_that_share_only_the_quality_agree_a_little(judged: dict[str, Any]) -> None:
    (row,) = judged["agree"]
    assert row["line"] == "pair"
    assert 0 < row["value"] < 0.5
