"""Means, differences and intervals of a study, against other routes to them."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from tools.study.statistics import (
    Estimate,
    average,
    contrast,
    differences,
    holm,
    interval,
    p_values,
    pool,
    share_interval,
    tabulate,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_of_one_seed_a_difference_is_the_paired_t_test(rng: np.random.Generator) -> None:
    first, second = rng.normal(0, 1, 40), rng.normal(0.3, 1, 40)
    found = contrast(tabulate([first[None], second[None]]), [1, -1])
    paired = stats.ttest_rel(first, second)
    assert found.value == pytest.approx((first - second).mean())
    assert float(p_values(found)) == pytest.approx(paired.pvalue)
    assert interval(found, 0.95) == pytest.approx(tuple(paired.confidence_interval(0.95)))


def test_where_every_question_says_the_same_a_difference_is_welchs_test_of_the_seeds(rng: np.random.Generator) -> None:
    """Then questions bring no variance, and the seeds are all that is drawn."""
    first, second = rng.normal(0.7, 0.05, 3), rng.normal(0.5, 0.01, 5)
    table = tabulate([np.repeat(first[:, None], 30, 1), np.repeat(second[:, None], 30, 1)])
    found = contrast(table, [1, -1])
    welch: Any = stats.ttest_ind(first, second, equal_var=False)
    assert float(found.freedom) == pytest.approx(welch.df)
    assert float(p_values(found)) == pytest.approx(welch.pvalue)


def test_a_mean_by_hand() -> None:
    """Two seeds, two questions: [[1, 0], [1, 1]]. Means of questions 1 and 1/2, of seeds 1/2 and 1; the mean is 3/4.

    Questions: variance of (1, 1/2) is 1/8, over 2 questions 1/16. Seeds: variance of (1/2, 1) is 1/8, over 2 seeds
    1/16. Residuals are all 1/4 in size: their mean square is 4/16 / (1 * 1) = 1/4, so chance at the questions explains
    1/4 / 2 / 2 = 1/16 of the mean's variance, all that lies between the seeds.
    """
    found = contrast(tabulate([np.array([[1.0, 0.0], [1.0, 1.0]])]), [1])
    assert found.value == 0.75
    assert found.variance == pytest.approx(1 / 16)
    assert found.spread == pytest.approx(2 / 16**2)  # of questions and of seeds, with a degree of freedom each


def test_the_components_of_variance_are_those_of_a_mixed_model() -> None:
    """statsmodels 0.15.0: mixedlm("y ~ 1", groups=1, re_formula="0", vc_formula={"s": "0 + C(s)", "q": "0 + C(q)"}) by
    REML gives a mean of 0.51125 with a standard error of 0.096826."""
    values = [
        [0.60, 0.39, 0.69, 0.48, 0.62, 0.18],
        [0.73, 0.58, 0.80, 0.76, 0.77, 0.18],
        [0.66, 0.51, 0.61, 0.59, 0.79, 0.19],
        [0.21, 0.32, 0.63, 0.39, 0.50, 0.09],
    ]
    found = contrast(tabulate([np.array(values)]), [1])
    assert found.value == pytest.approx(0.51125)
    assert np.sqrt(found.variance) == pytest.approx(0.096826, rel=1e-4)


def test_every_difference_is_its_contrast(rng: np.random.Generator) -> None:
    table = tabulate([rng.random((seeds, 25)) for seeds in (1, 3, 4)])
    every = differences(table)
    for i in range(3):
        for j in range(3):
            one = contrast(table, np.eye(3)[i] - np.eye(3)[j])
            assert every.value[i, j] == pytest.approx(one.value)
            assert every.variance[i, j] == pytest.approx(one.variance if i != j else 2 * table.seeds_A[i])
            assert i == j or every.spread[i, j] == pytest.approx(one.spread)


def test_a_hierarchical_bootstrap_has_the_same_standard_error(rng: np.random.Generator) -> None:
    """One that draws n - 1 of n seeds and questions, which repairs its bias with few seeds (Rao & Wu 1988)."""
    ability, difficulty = rng.normal(0, 0.3, (2, 6)), rng.normal(0, 1, 400)
    values = (ability[..., None] + difficulty + rng.normal(0, 0.5, (2, 6, 400)) > 0).astype(float)
    found = contrast(tabulate(list(values)), [1, -1])
    draws = []
    for _ in range(2000):
        questions = rng.integers(0, 400, 399)
        drawn = [of_arm[rng.integers(0, 6, 5)][:, questions].mean() for of_arm in values]
        draws.append(drawn[0] - drawn[1])
    assert np.sqrt(found.variance) == pytest.approx(np.std(draws), rel=0.1)


@pytest.mark.parametrize("of_seed", [0.0, 0.15, 0.5])
def test_95_percent_intervals_of_three_seeds_hold_the_truth(of_seed: float, rng: np.random.Generator) -> None:
    """Two arms that are equally good, 1,000 times. Seeds that bring nothing, as much as questions do, and most."""
    held = 0
    for _ in range(1000):
        ability, mood = rng.normal(0, of_seed, (2, 3)), rng.normal(0, 1, 200)
        skill = rng.normal(0, 0.5, (2, 200))
        values = ability[..., None] + mood + skill[:, None] + rng.normal(0, 1, (2, 3, 200)) > 0
        low, high = interval(contrast(tabulate(list(values.astype(float))), [1, -1]), 0.95)
        held += low <= 0 <= high
    assert held / 1000 >= 0.94


def test_pooled_data_sets_count_alike_and_their_variances_add_up() -> None:
    found = pool([Estimate(0.2, 0.01, 0.01**2 / 4), Estimate(0.4, 0.03, 0.03**2 / 9)])
    assert found.value == pytest.approx(0.3)
    assert found.variance == pytest.approx(0.01)
    # Satterthwaite: (0.01 + 0.03)² / (0.01²/4 + 0.03²/9)
    assert float(found.freedom) == pytest.approx(0.04**2 / (0.01**2 / 4 + 0.03**2 / 9))


def test_two_students_share_questions_so_their_mean_is_less_sure_than_two_data_sets(rng: np.random.Generator) -> None:
    values = (rng.normal(0, 1, 300) > 0).astype(float)[None]
    one = tabulate([values])
    assert contrast(average([one, one]), [1]).variance == pytest.approx(contrast(one, [1]).variance)
    halved = pool([contrast(one, [1])] * 2)
    assert halved.variance == pytest.approx(contrast(one, [1]).variance / 2)


def test_of_independent_answers_the_interval_of_a_share_is_wilsons() -> None:
    """At the normal quantile; the t of 9,999 questions is that to four digits."""
    values = np.zeros((1, 10_000))
    values[0, :300] = 1
    found = share_interval(contrast(tabulate([values]), [1]), 0.95, 10_000)
    wilson = stats.binomtest(300, 10_000).proportion_ci(0.95, "wilson")
    assert found == pytest.approx((wilson.low, wilson.high), rel=1e-3)


def test_an_arm_that_gets_all_right_has_an_interval() -> None:
    """Wilson's lower bound of n of n is n / (n + t²)."""
    found = share_interval(contrast(tabulate([np.ones((3, 50))]), [1]), 0.95, 50)
    assert found == pytest.approx((50 / (50 + stats.norm.ppf(0.975) ** 2), 1.0))


def test_holm_by_hand_and_in_any_order() -> None:
    """0.01 * 4, 0.02 * 3, 0.03 * 2 -> raised to the 0.06 before it, 0.04 * 1 too."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([]).size == 0


def test_holm_as_in_statsmodels() -> None:
    """statsmodels 0.15.0: multipletests(..., method="holm")."""
    found = holm([0.0012, 0.041, 0.0004, 0.2, 0.013, 0.7])
    assert found == pytest.approx([0.006, 0.123, 0.0024, 0.4, 0.052, 0.7])
