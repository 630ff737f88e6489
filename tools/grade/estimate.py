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
    half_width: float
    prompts: int  # that were graded
    more: int  # prompts, until the interval is as narrow as wanted; 0 where it is


class Stratum(NamedTuple):
    share: float  # of all prompts
    size: int
    values: list[float]


def estimate(
    values: Mapping[str, float], drawn: Sequence[Drawn], scale: tuple[float, float], confidence: float, wanted: float
) -> Estimate | None:
    """The mean over all prompts, by the values of those that were graded; None as long as a stratum has none.

    The stratified estimator with its finite-population correction (Cochran 1977, chapter 5). For the variance alone
    each stratum counts one prompt more at each end of the scale (as Agresti and Coull 1998 do for a share): a few equal
    grades would else look like certainty. `wanted` is half of an interval, as a share of the scale.
    """
    strata = to_strata(values, drawn)
    if not all(stratum.values for stratum in strata.values()):
        return None
    value = sum(stratum.share * sum(stratum.values) / len(stratum.values) for stratum in strata.values())
    spread = {name: variance([*stratum.values, *scale]) for name, stratum in strata.items()}

    def half_width(counts: Mapping[str, int]) -> float:
        variances = [
            stratum.share**2 * spread[name] / counts[name] * (1 - counts[name] / stratum.size)
            for name, stratum in strata.items()
        ]
        degrees = max(1, sum(counts.values()) - len(strata))
        return float(stats.t.ppf(0.5 + confidence / 2, degrees)) * math.sqrt(sum(variances))

    graded = {name: len(stratum.values) for name, stratum in strata.items()}
    in_order = sorted(drawn, key=lambda prompt: prompt.id not in values)  # what was graded, then what comes next

    def is_narrow(count: int) -> bool:
        found = Counter(prompt.stratum for prompt in in_order[:count])
        return half_width(found) <= wanted * (scale[1] - scale[0])

    num = sum(graded.values())
    return Estimate(value, half_width(graded), num, bisect_left(range(num, len(drawn)), True, key=is_narrow))


def to_strata(values: Mapping[str, float], drawn: Sequence[Drawn]) -> dict[str, Stratum]:
    found: dict[str, list[float]] = defaultdict(list)
    for prompt in drawn:
        found[prompt.stratum] += [values[prompt.id]] if prompt.id in values else []
    shares = {prompt.stratum: prompt.share for prompt in drawn}
    sizes = Counter(prompt.stratum for prompt in drawn)
    return {name: Stratum(shares[name], sizes[name], found[name]) for name in shares}


def variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
