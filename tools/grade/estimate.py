"""What the graded prompts say of all prompts, how sure, and how many more would be sure enough."""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy import stats

from tools.grade.draw import Drawn


class Estimate(NamedTuple):
    value: float
    low: float
    high: float
    prompts: int  # that were graded
    more: int  # until the interval is as narrow as wanted; 0 where it is


class Stratum(NamedTuple):
    share: float  # of all prompts
    size: int
    values: list[float]


def estimate(
    values: Mapping[str, float], drawn: Sequence[Drawn], scale: tuple[float, float], confidence: float, wanted: float
) -> Estimate | None:
    """The mean over all prompts, by the values of those that were graded; None as long as a stratum has none.

    The value is the stratified estimator (Cochran 1977, chapter 5). For its interval each stratum counts one grade more
    at each end of the scale, as Agresti and Caffo 2000 do for shares: a few equal grades would else look like
    certainty. `wanted` is half of an interval, as a share of the scale.
    """
    strata = to_strata(values, drawn)
    if not all(stratum.values for stratum in strata.values()):
        return None
    value = sum(stratum.share * mean(stratum.values) for stratum in strata.values())
    centre = sum(stratum.share * centre_of(stratum, scale) for stratum in strata.values())
    spread = {name: variance([*stratum.values, *scale]) for name, stratum in strata.items()}
    z = float(stats.norm.ppf(0.5 + confidence / 2))

    def half_width(counts: Mapping[str, int]) -> float:
        """Were so many of each stratum graded, with grades that are spread as these are."""
        return z * math.sqrt(
            sum(
                stratum.share**2 * spread[name] / (counts[name] + 2) * (1 - counts[name] / stratum.size)
                for name, stratum in strata.items()
            )
        )

    in_order = sorted(drawn, key=lambda prompt: prompt.id not in values)  # what was graded, then what comes next

    def is_narrow(count: int) -> bool:
        counts = Counter(prompt.stratum for prompt in in_order[:count])
        return half_width(counts) <= wanted * (scale[1] - scale[0])

    graded = {name: len(stratum.values) for name, stratum in strata.items()}
    now, num = half_width(graded), sum(graded.values())
    more = bisect_left(range(num, len(drawn)), True, key=is_narrow)
    return Estimate(value, max(scale[0], centre - now), min(scale[1], centre + now), num, more)


def to_strata(values: Mapping[str, float], drawn: Sequence[Drawn]) -> dict[str, Stratum]:
    found: dict[str, list[float]] = defaultdict(list)
    for prompt in drawn:
        found[prompt.stratum] += [values[prompt.id]] if prompt.id in values else []
    shares = {prompt.stratum: prompt.share for prompt in drawn}
    sizes = Counter(prompt.stratum for prompt in drawn)
    return {name: Stratum(shares[name], sizes[name], found[name]) for name in shares}


def centre_of(stratum: Stratum, scale: tuple[float, float]) -> float:
    """Where its interval lies: drawn to the middle of the scale, the less the more of the stratum was graded."""
    unknown = 1 - len(stratum.values) / stratum.size
    return (1 - unknown) * mean(stratum.values) + unknown * mean([*stratum.values, *scale])


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def variance(values: Sequence[float]) -> float:
    middle = mean(values)
    return sum((value - middle) ** 2 for value in values) / len(values)
