"""Percentile bootstrap of any statistic of sums, by drawing units such as prompts, with all that was seen of each."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
AT_ONCE = 5_000_000  # draws in memory, 40 MB


class Estimate(NamedTuple):
    """`value` is None where the statistic has no meaning, such as a share of nothing."""

    value: float | None
    interval: tuple[float, float] | None

    def rounded(self, places: int = 4) -> dict[str, Any]:
        interval = None if self.interval is None else [round(bound, places) for bound in self.interval]
        return {"value": None if self.value is None else round(self.value, places), "interval": interval}


def bootstrap(
    units: Array, statistic: Callable[[Array], Array], confidence: float, num_resamples: int, seed: int
) -> Estimate:
    """`units` holds an array for each unit; `statistic` takes sums of them, many at once along the first axis, and
    gives nan where it has no meaning (Efron & Tibshirani 1993, chapter 13)."""
    if not len(units):
        return Estimate(None, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(units.sum(0, keepdims=True))[0])
        if not np.isfinite(value):
            return Estimate(None, None)
        drawn = np.concatenate([statistic(sums) for sums in resampled(units, num_resamples, seed)])
    tail = 50 * (1 - confidence)
    low, high = np.nanpercentile(drawn, (tail, 100 - tail))
    return Estimate(value, (float(low), float(high)))


def resampled(units: Array, num_resamples: int, seed: int) -> Iterator[Array]:
    """Sums of as many units as there are, drawn with replacement, some resamples at a time."""
    rng, num_units = np.random.default_rng(seed), len(units)
    step = max(1, AT_ONCE // num_units)
    for start in range(0, num_resamples, step):
        size = min(step, num_resamples - start)
        drawn = rng.integers(num_units, size=(size, num_units)) + num_units * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * num_units).reshape(size, num_units)
        yield (counts.astype(float) @ units.reshape(num_units, -1)).reshape(size, *units.shape[1:])


def ratio(sums: Array) -> Array:
    """Of the first column to the second: a mean, where they hold a sum and a count."""
    return sums[:, 0] / sums[:, 1]


def correlation(sums: Array) -> Array:
    """Pearson's, of `moments`."""
    count, x, y, xx, yy, xy = sums.T
    return (count * xy - x * y) / np.sqrt((count * xx - x**2) * (count * yy - y**2))


def moments(x: Array, y: Array) -> Array:
    """Of each observation: what a correlation is made of."""
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
