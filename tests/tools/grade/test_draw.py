"""Which prompts people grade, and that the estimate stays unbiased whichever they are."""

import numpy as np
import pytest

from stages.rows.grades import Grade, weights
from tools.grade.draw import Signals, disagreement, draw, in_turn
from tools.grade.estimate import estimate

IDS = [f"t{number}" for number in range(200)]
SCALE = (0.0, 1.0)
DRAWS = 250


def test_half_of_the_prompts_come_from_where_they_are_apart() -> None:
    assert in_turn(list("abcdef"), list("fe"), 0.5) == list("afbecd")
    assert in_turn(list("abcd"), list("dc"), 1.0) == list("dcab")
    assert in_turn(list("abcd"), list("dc"), 0.0) == list("abcd")
    assert in_turn(list("abcd"), list("ab"), 0.5) == list("abcd")  # "a" came already


def test_apart_are_judge_and_measure_or_else_the_measures() -> None:
    pair = ("8b plain", "base-8b plain")
    measured: Signals = {pair: {"t1": 0.0, "t2": 1.0, "t3": -1.0}}
    assert disagreement(measured, None) == {"t1": 0.0, "t2": 1.0, "t3": 1.0}
    judged: Signals = {pair: {"t1": 0.5, "t2": 0.0, "t3": 1.0}}  # the judge has them in the opposite order
    assert disagreement(measured, judged) == pytest.approx({"t1": 0.0, "t2": 2 / 3, "t3": 2 / 3})
    asked_of_two: Signals = {pair: {"t2": 1.0, "t3": 1.0}}  # which it finds alike: ranks 1.5 and 1.5, not 2 and 1
    assert disagreement(measured, asked_of_two) == pytest.approx({"t1": 0.0, "t2": 1 / 4, "t3": 1 / 4})
    single = {("8b plain",): {"t1": 0.2, "t2": 0.5}, ("70b plain",): {"t1": 0.9, "t2": 0.5}}
    assert disagreement(single, None) == pytest.approx({"t1": 0.7, "t2": 0.0})


def test_the_draw_is_of_all_prompts_and_the_same_for_the_same_seed() -> None:
    apart = {id: float(number % 10 == 0) for number, id in enumerate(IDS)}
    drawn = draw(apart, 0.25, 0.5, seed=1)
    assert sorted(one.id for one in drawn) == sorted(IDS)
    assert drawn == draw(apart, 0.25, 0.5, seed=1) != draw(apart, 0.25, 0.5, seed=2)
    assert {one.stratum: one.share for one in drawn} == {"disagreed": 0.1, "rest": 0.9}
    first = [one.stratum for one in drawn[:30]]
    assert 0.4 <= first.count("disagreed") / 30 <= 0.6  # half, and a tenth of the others by chance
    nowhere = draw(dict.fromkeys(IDS, 0.0), 0.25, 0.5, seed=1)
    assert {(one.stratum, one.share) for one in nowhere} == {("rest", 1.0)}


def test_the_estimate_is_unbiased_and_its_interval_holds_it() -> None:
    """The first arm wins mostly where they are not apart: the plain mean of what was graded is off, the estimate is
    not, by the estimator here and by the weights that `evaluate` takes from the files."""
    rng = np.random.default_rng(0)
    errors, of_weights, of_plain, held = [], [], [], []
    for seed in range(DRAWS):
        apart = {id: float(rng.random() < 0.2) for id in IDS}
        values = {id: float(rng.random() < (0.2 if apart[id] else 0.8)) for id in IDS}
        truth = np.mean(list(values.values()))
        drawn = draw(apart, 0.25, 0.5, seed)
        graded = drawn[:40]
        found = estimate({one.id: values[one.id] for one in graded}, drawn, SCALE, 0.95, 0.05)
        assert found
        weight = weights(grade(one.id, one.stratum, one.share) for one in graded)
        errors.append(found.value - truth)
        of_weights.append(np.mean([weight[one.id] * values[one.id] for one in graded]) - truth)
        of_plain.append(np.mean([values[one.id] for one in graded]) - truth)
        held.append(found.low <= truth <= found.high)
    by_chance = np.std(errors) / DRAWS**0.5
    assert of_weights == pytest.approx(errors)
    assert abs(np.mean(errors)) < 3 * by_chance
    assert abs(np.mean(of_plain)) > 10 * by_chance
    assert 0.92 <= np.mean(held) <= 0.99


def grade(id: str, stratum: str, share: float) -> Grade:
    shown = {"arms": ("a", "b"), "replies": ("1", "2"), "line": "overall", "grade": "left"}
    return Grade.model_validate(
        {"id": id, **shown, "is_repeat": False, "stratum": stratum, "share": share, "seconds": 0}
    )


def test_it_says_how_many_more_prompts_narrow_the_interval() -> None:
    """A simple random sample, half of which are wins, so the variance is 1/4 and an interval of 95 % is +-
    1.96 * sqrt(1/4 / (n + 2) * (1 - n / 200))."""
    drawn = draw(dict.fromkeys(IDS, 0.0), 0.25, 0.5, seed=1)
    values = {one.id: float(number % 2) for number, one in enumerate(drawn[:40])}
    found = estimate(values, drawn, SCALE, 0.95, 0.1)
    assert found
    assert found.value == 0.5
    half = 1.959964 * (0.25 / 42 * 0.8) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))
    assert half == pytest.approx(0.1353, abs=1e-4)
    assert found.more == 64 - 40  # of 63 the interval is +- 0.1006, of 64 +- 0.0995
    sure = estimate(values, drawn, SCALE, 0.95, 0.3)
    assert sure
    assert sure.more == 0
    assert estimate({}, drawn, SCALE, 0.95, 0.1) is None


def test_a_few_equal_grades_are_no_certainty_and_all_of_them_are() -> None:
    drawn = draw(dict.fromkeys(IDS, 0.0), 0.25, 0.5, seed=1)
    few = estimate({one.id: 1.0 for one in drawn[:5]}, drawn, SCALE, 0.95, 0.1)
    every = estimate({one.id: 1.0 for one in drawn}, drawn, SCALE, 0.95, 0.1)
    assert few
    assert every
    assert (few.value, few.high) == (1.0, 1.0)
    assert few.low < 0.7
    assert every == (1.0, 1.0, 1.0, 200, 0)
