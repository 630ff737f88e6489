"""Intervals and paired tests, from scipy."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Comparison:
    """`difference` and `interval` are in accuracy (0 to 1), first minus second; `p` is McNemar's, two-sided."""

    difference: float
    interval: tuple[float, float]
    only_first: int  # rows that the first alone got right
    only_second: int
    p: float


def wilson(num_right: int, num_rows: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927, JASA 22:209)."""
    interval = stats.binomtest(num_right, num_rows).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def compare(first: list[bool], second: list[bool], confidence: float, num_resamples: int, seed: int) -> Comparison:
    """Two models on the same rows: exact McNemar test (McNemar 1947) and paired percentile bootstrap
    (Efron & Tibshirani 1993, chapter 13), which draws rows, not replies."""
    differences = np.array(first, dtype=float) - np.array(second, dtype=float)
    only_first, only_second = int((differences > 0).sum()), int((differences < 0).sum())
    discordant = only_first + only_second
    p = float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0
    if len(differences) == 1 or not discordant:
        interval = float(differences.mean()), float(differences.mean())
    else:
        found = stats.bootstrap(
            (differences,), np.mean, n_resamples=num_resamples, confidence_level=confidence, method="percentile", rng=np.random.default_rng(seed)
        )
        interval = float(found.confidence_interval.low), float(found.confidence_interval.high)
    return Comparison(float(differences.mean()), interval, only_first, only_second, p)
