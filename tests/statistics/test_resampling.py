"""The bootstrap of sums, against scipy's, and what it says of nothing."""

import numpy as np
import pytest
from scipy import stats

from stages.statistics.resampling import Estimate, bootstrap, correlation, ratio


def test_a_mean_has_the_interval_that_scipy_gives_it() -> None:
    values = np.random.default_rng(1).normal(2, 3, 60)
    found = bootstrap(np.stack([values, np.ones(60)], axis=-1), ratio, 0.95, 10_000, 0)
    wanted = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    assert found.value == pytest.approx(values.mean())
    assert found.interval == pytest.approx((wanted.low, wanted.high), abs=0.05)


def test_prompts_are_drawn_whole() -> None:
    """Ten rows of one prompt are no ten observations."""
    of_prompts = np.random.default_rng(1).normal(0, 1, 40)
    once = bootstrap(np.stack([of_prompts, np.ones(40)], axis=-1), ratio, 0.95, 4_000, 0)
    tenfold = bootstrap(np.stack([10 * of_prompts, np.full(40, 10.0)], axis=-1), ratio, 0.95, 4_000, 0)
    assert once.interval == pytest.approx(tenfold.interval)


def test_a_correlation_is_pearsons() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 50))
    units = np.stack([np.ones(50), x, y, x * x, y * y, x * y], axis=-1)
    found = bootstrap(units, correlation, 0.95, 1_000, 0)
    assert found.value == pytest.approx(stats.pearsonr(x, y).statistic)  # pyright: ignore[reportAttributeAccessIssue]


def test_of_nothing_there_is_no_estimate() -> None:
    nothing = Estimate(None, None)
    assert bootstrap(np.zeros((0, 2)), ratio, 0.95, 1_000, 0) == nothing
    assert bootstrap(np.zeros((5, 2)), ratio, 0.95, 1_000, 0) == nothing, "nought of nought"
    assert nothing.rounded() == {"value": None, "interval": None}
