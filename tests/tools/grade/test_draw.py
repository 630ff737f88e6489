"""Which prompts people grade, and that the estimate stays unbiased whichever they are."""

import numpy as np
import pytest

from stages.rows.grades import Grade, weights
from tools.grade.draw import Signals, disagreement, draw, in_turn
from tools.grade.estimate import estimate

IDS = [f"t{number}" for number in range(200)]
SCALE = (0.0, 1.0)
SEEDS = 250


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
    assert disagreement(measured, judged) == {"t1": 0.0, "t2": 2.0, "t3": 2.0}
    single = {("8b plain",): {"t1": 0.2, "t2": 0.5}, ("70b plain",): {"t1": 0.9, "t2": 0.5}}
    assert disagreement(single, None) == pytest.approx({"t1": 0.7, "t2": 0.0})


def test_the_draw_is_of_all_prompts_and_the_same_for_the_same_seed() -> None:
    apart = {id: float(number % 10 == 0) for number, id in enumerate(IDS)}
    drawn = draw(apart, 0.25, 0.5, seed=1)
    assert sorted(one.id for one in drawn) == sorted(IDS)
    assert drawn == draw(apart, 0.25, 0.5, seed=1) != draw(apart, 0.25, 0.5, seed=2)
    assert {one.stratum: one.share for one in drawn} == {"disagreed": 0.1, "rest": 0.9}
    first = [one.stratum for one in drawn[:60]]
    assert 0.5 <= first.count("disagreed") / 60 <= 0.6  # half, and a tenth of the others by chance
    nowhere = draw(dict.fromkeys(IDS, 0.0), 0.25, 0.5, seed=1)
    assert {(one.stratum, one.share) for one in nowhere} == {("rest", 1.0)}


@pytest.mark.parametrize("num_graded", [30, 60])
def test_the_estimate_is_unbiased_and_its_interval_holds_it(num_graded: int) -> None:
    """The first arm wins mostly where they are not apart: the plain mean of what was graded is off, the estimate is
    not, by the estimator here and by the weights that `evaluate` takes from the files."""
    rng = np.random.default_rng(0)
    apart = {id: float(rng.random() < 0.2) for id in IDS}
    values = {id: float(rng.random() < (0.2 if apart[id] else 0.8)) for id in IDS}
    truth, estimates, weighted, plain, held = float(np.mean(list(values.values()))), [], [], [], []
    for seed in range(SEEDS):
        drawn = draw(apart, 0.25, 0.5, seed)
        graded = drawn[:num_graded]
        found = estimate({one.id: values[one.id] for one in graded}, drawn, SCALE, 0.95, 0.05)
        assert found
        estimates.append(found.value)
        held.append(abs(found.value - truth) <= found.half_width)
        weight = weights(grade(one.id, one.stratum, one.share) for one in graded)
        weighted.append(np.mean([weight[one.id] * values[one.id] for one in graded]))
        plain.append(np.mean([values[one.id] for one in graded]))
    assert weighted == pytest.approx(estimates)
    error = np.std(estimates) / SEEDS**0.5
    assert abs(np.mean(estimates) - truth) < 3 * error
    assert abs(np.mean(plain) - truth) > 10 * error
    assert 0.92 <= np.mean(held) <= 0.995


def grade(id: str, stratum: str, share: float) -> Grade:
    shown = {"arms": ("a", "b"), "replies": ("1", "2"), "line": "overall", "grade": "left"}
    return Grade.model_validate(
        {"id": id, **shown, "is_repeat": False, "stratum": stratum, "share": share, "seconds": 0}
    )


def test_it_says_how_many_more_prompts_narrow_the_interval() -> None:
    """A simple random sample: half of the grades are wins, and 95 % +- 0.1 of 200 needs t² s² (1/n - 1/200) <= 0.01."""
    drawn = draw(dict.fromkeys(IDS, 0.0), 0.25, 0.5, seed=1)
    values = {one.id: float(number % 2) for number, one in enumerate(drawn[:40])}
    found = estimate(values, drawn, SCALE, 0.95, 0.1)
    assert found
    assert found.value == 0.5
    assert found.half_width == pytest.approx(2.0227 * (0.25 * 42 / 41 / 40 * 0.8) ** 0.5, rel=1e-4)
    needed = next(n for n in range(40, 200) if 1.99 * (0.25 * 42 / 41 / n * (1 - n / 200)) ** 0.5 <= 0.1)
    assert abs(40 + found.more - needed) <= 1
    sure = estimate(values, drawn, SCALE, 0.95, 0.3)
    assert sure
    assert sure.more == 0
    assert estimate({}, drawn, SCALE, 0.95, 0.1) is None


def test_a_few_equal_grades_are_no_certainty() -> None:
    drawn = draw(dict.fromkeys(IDS, 0.0), 0.25, 0.5, seed=1)
    found = estimate({one.id: 1.0 for one in drawn[:5]}, drawn, SCALE, 0.95, 0.1)
    assert found
    assert found.half_width > 0.3
