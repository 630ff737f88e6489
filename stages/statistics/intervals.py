"""Intervals and paired tests, from scipy."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Comparison:
    """`difference` and `interval` are in the measure, first minus second; `p` is two-sided."""

    difference: float
    interval: tuple[float, float]
    only_first: int  # rows on which the first is better
    only_second: int
    p: float


def wilson(num_right: int, num_rows: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927, JASA 22:209)."""
    interval = stats.binomtest(num_right, num_rows).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: list[float], confidence: float, num_resamples: int, seed: int) -> tuple[float, float]:
    """Percentile bootstrap of a mean (Efron & Tibshirani 1993, chapter 13)."""
    found = np.array(values, dtype=float)
    if len(found) == 1 or np.ptp(found) == 0:
        return float(found.mean()), float(found.mean())
    rng = np.random.default_rng(seed)
    interval = stats.bootstrap(
        (found,), np.mean, n_resamples=num_resamples, confidence_level=confidence, method="percentile", rng=rng
    ).confidence_interval
    return float(interval.low), float(interval.high)


def compare(first: list[float], second: list[float], confidence: float, num_resamples: int, seed: int) -> Comparison:
    """Two models on the same rows, by their values: a paired bootstrap that draws rows, and a test.

    Where every value is 0 or 1 the test is McNemar's exact one (McNemar 1947), else Wilcoxon's signed-rank test
    (Wilcoxon 1945).
    """
    differences = np.array(first, dtype=float) - np.array(second, dtype=float)
    only_first, only_second = int((differences > 0).sum()), int((differences < 0).sum())
    if not only_first + only_second:
        p = 1.0
    elif set(first) | set(second) <= {0.0, 1.0}:
        p = float(stats.binomtest(only_first, only_first + only_second).pvalue)
    else:
        p = float(stats.wilcoxon(differences).pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    interval = mean_interval(differences.tolist(), confidence, num_resamples, seed)
    return Comparison(float(differences.mean()), interval, only_first, only_second, p)
