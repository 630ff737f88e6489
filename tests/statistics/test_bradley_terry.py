"""Strengths from wins: by hand for two, and an order that wins imply."""

from math import log

import pytest

from stages.statistics.bradley_terry import strengths


def test_of_two_the_difference_is_the_log_odds_of_a_win() -> None:
    found = strengths([("a", "b", 0.75, 1_000.0)])
    assert found["a"] - found["b"] == pytest.approx(log(3), abs=1e-3)


def test_arms_that_never_met_are_ordered_by_whom_they_beat() -> None:
    found = strengths(
        [("8b", "base", 0.8, 50), ("8b", "teacher", 0.4, 50), ("70b", "teacher", 0.6, 50), ("70b", "base", 1.0, 50)]
    )
    assert sorted(found, key=lambda arm: -found[arm]) == ["70b", "teacher", "8b", "base"]
