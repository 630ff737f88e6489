"""Intervals and tests against values worked out by hand."""

import math

import pytest

from stages.statistics.intervals import compare, mean_interval, wilson


def right(*counts: tuple[bool, int]) -> list[float]:
    return [float(value) for value, count in counts for _ in range(count)]


def test_wilson_by_hand() -> None:
    # k = 8, n = 10, z = 1.959964: (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    z, n, p = 1.959964, 10, 0.8
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert wilson(8, 10, 0.95) == pytest.approx(
        ((centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)), abs=1e-6
    )
    assert wilson(0, 10, 0.95)[0] == 0
    assert wilson(10, 10, 0.95)[1] == 1


def test_mcnemar_by_hand() -> None:
    # 5 rows only the first got right, 1 only the second: p = 2 · (C(6,0) + C(6,1)) / 2^6 = 14/64
    found = compare(right((True, 5), (False, 1), (True, 4)), right((False, 5), (True, 1), (True, 4)), 0.95, 1000, 0)
    assert (found.only_first, found.only_second) == (5, 1)
    assert found.p == pytest.approx(14 / 64)
    assert found.difference == pytest.approx(0.4)


def test_wilcoxon_by_hand() -> None:
    # differences 0.1, 0.2, 0.3, 0.4 and -0.5: ranks 1 to 5, the negative one has rank 5, so W = 5; of the 2^5 signs of
    # five ranks
    # 10 give a sum of negative ranks of at most 5 ({}, 1, 2, 3, 4, 5, 1+2, 1+3, 1+4, 2+3), so p = 2 · 10/32
    found = compare([0.5, 0.6, 0.7, 0.8, 0.1], [0.4, 0.4, 0.4, 0.4, 0.6], 0.95, 1000, 0)
    assert found.p == pytest.approx(20 / 32)
    assert (found.only_first, found.only_second) == (4, 1)
    assert found.difference == pytest.approx(0.1)


def test_the_bootstrap_interval_is_paired_and_seeded() -> None:
    first, second = right((True, 60), (False, 40)), right((True, 50), (False, 50))
    found = compare(first, second, 0.95, 10_000, 0)
    # 10 of 100 rows differ, all one way: the resampled mean is binomial(100, 0.1) / 100, whose 2.5 and 97.5 percentiles
    # are 0.05 and 0.16
    assert found.interval == pytest.approx((0.05, 0.16), abs=0.011)
    assert compare(first, second, 0.95, 10_000, 0) == found


def test_equal_models() -> None:
    found = compare([1.0, 0.0], [1.0, 0.0], 0.95, 1000, 0)
    assert (found.difference, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)


def test_the_interval_of_a_mean() -> None:
    assert mean_interval([0.5, 0.5], 0.95, 1000, 0) == (0.5, 0.5)
    # a fair coin thrown 100 times: the mean's 2.5 and 97.5 percentiles are 0.40 and 0.60
    assert mean_interval([0.0, 1.0] * 50, 0.95, 10_000, 0) == pytest.approx((0.4, 0.6), abs=0.011)
