"""In which order prompts are graded: some at random, some where judge and measures disagree most.

Both come from a random order, and are taken in turn. So however far people get, what they graded of a stratum is a
random sample of it, and `stages.rows.grades.weights` makes the whole stand for all prompts.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from stages.statistics.rows import position

# By the arms that are shown together, of each prompt: how good the one is, or how much better the first of two is.
Signals = Mapping[tuple[str, ...], Mapping[str, float]]


class Drawn(NamedTuple):
    id: str  # of the prompt
    stratum: str
    share: float  # of all prompts that are in the stratum


def disagreement(measured: Signals, judged: Signals | None) -> dict[str, float]:
    """How far judge and measure are apart in the rank that they give a prompt, at most over the groups; 0 where the
    judge was not asked. Without a judge, how far the measures of the arms are apart."""
    ids = list(next(iter(measured.values())))
    if judged is None:
        by_group = np.array([[values[id] for id in ids] for values in measured.values()])
        is_pairs = all(len(group) == 2 for group in measured)
        apart = np.abs(by_group).max(axis=0) if is_pairs else np.ptp(by_group, axis=0)
        return dict(zip(ids, apart.tolist(), strict=True))
    found = dict.fromkeys(ids, 0.0)
    for group, values in measured.items():
        both = [id for id in ids if id in judged[group]]
        ranks = [rankdata([signal[id] for id in both]) / len(both) for signal in (values, judged[group])]
        for id, value in zip(both, np.abs(ranks[0] - ranks[1]).tolist(), strict=True):
            found[id] = max(found[id], value)
    return found


def draw(apart: Mapping[str, float], most: float, part: float, seed: int) -> list[Drawn]:
    """All prompts, in the order in which they are graded; `part` is the share from where they are `most` apart."""
    bound = float(np.quantile(list(apart.values()), 1 - most))
    disagreed = {id for id, value in apart.items() if value > 0 and value >= bound}
    share = round(len(disagreed) / len(apart), 6)
    at_random = sorted(apart, key=lambda id: position(f"{seed} random {id}"))
    where_apart = sorted(disagreed, key=lambda id: position(f"{seed} apart {id}"))
    return [
        Drawn(id, "disagreed", share) if id in disagreed else Drawn(id, "rest", round(1 - share, 6))
        for id in in_turn(at_random, where_apart, part)
    ]


def in_turn(first: list[str], second: list[str], part: float) -> list[str]:
    """All of the first, none twice; `part` of those so far come from the second, as long as it lasts."""
    queues = [deque(first), deque(second)]
    found: dict[str, None] = {}
    from_second = 0
    while len(found) < len(first):
        turn = bool(queues[1]) and from_second + 1 <= part * (len(found) + 1)
        id = queues[turn].popleft()
        if id not in found:
            found[id] = None
            from_second += turn
    return list(found)
