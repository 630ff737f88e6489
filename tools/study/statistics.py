"""Means, differences and intervals over seeds and questions.

A mixed model: all arms answer the same questions, and each trains with seeds of its own. Its components of variance are
estimated from mean squares (Searle, Casella & McCulloch 1992, chapter 4), each arm's apart, as in Welch's test; degrees
of freedom are Satterthwaite's (1946). With a few seeds this holds its level where a bootstrap that draws three seeds
does not. Letters behind a name are its axes: arms A, seeds S, questions Q.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Numbers = NDArray[np.float64]


class Table(NamedTuple):
    """What several arms got on the same questions."""

    means_AQ: Numbers  # over the seeds
    seeds_A: Numbers  # the variance that seeds bring to the mean of an arm, beyond chance at each question
    spread_A: Numbers  # square of the variance of the mean between seeds, by its degrees of freedom


class Estimate(NamedTuple):
    """A number, or an array of them. `spread` is the sum of squares of the variance's parts, by their freedom."""

    value: Any
    variance: Any
    spread: Any

    @property
    def freedom(self) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = np.asarray(self.variance) ** 2 / self.spread
        return np.maximum(np.where(self.spread, freedom, np.inf), 1.0)


def tabulate(values: Sequence[Numbers]) -> Table:
    """From an array (S, Q) for each arm. One seed tells nothing of what seeds bring."""
    means, seeds, spreads = list[Numbers](), list[float](), list[float]()
    for values_SQ in values:
        num_seeds, num_questions = values_SQ.shape
        means.append(values_SQ.mean(0, dtype=float))
        if num_seeds == 1:
            seeds.append(0.0)
            spreads.append(0.0)
            continue
        of_seeds = values_SQ.mean(1, dtype=float)
        left_SQ = values_SQ - means[-1] - of_seeds[:, None] + means[-1].mean()
        residual = float((left_SQ**2).sum()) / ((num_seeds - 1) * max(1, num_questions - 1))
        between = float(of_seeds.var(ddof=1)) / num_seeds
        seeds.append(max(between - residual / num_questions / num_seeds, 0.0))
        spreads.append(between**2 / (num_seeds - 1))
    return Table(np.array(means), np.array(seeds), np.array(spreads))


def average(tables: Sequence[Table]) -> Table:
    """Of trainings apart (two students) on the same questions: each arm's mean over them."""
    n = len(tables)
    means = np.mean([table.means_AQ for table in tables], 0)
    seeds = np.sum([table.seeds_A for table in tables], 0) / n**2
    return Table(means, seeds, np.sum([table.spread_A for table in tables], 0) / n**4)


def rows(table: Table, which: Sequence[int]) -> Table:
    return Table(*(column[list(which)] for column in table))


def contrast(table: Table, weights: Sequence[float] | Numbers) -> Estimate:
    """The sum of the arms' means by these weights: an arm's mean, a difference, or a mean of differences."""
    weights_A = np.array(weights, dtype=float)
    of_questions = weights_A @ table.means_AQ
    n = len(of_questions)
    sampled = float(of_questions.var(ddof=1)) / n if n > 1 else 0.0
    return Estimate(
        float(of_questions.mean()),
        sampled + float(weights_A**2 @ table.seeds_A),
        sampled**2 / max(1, n - 1) + float(weights_A**4 @ table.spread_A),
    )


def differences(table: Table) -> Estimate:
    """Of every two arms, the row's minus the column's."""
    n = table.means_AQ.shape[1]
    means_A = table.means_AQ.mean(1)
    centred_AQ = table.means_AQ - means_A[:, None]
    products_AA = centred_AQ @ centred_AQ.T
    squares_A = products_AA.diagonal()
    sampled_AA = np.maximum(squares_A[:, None] + squares_A - 2 * products_AA, 0.0) / max(1, n - 1) / n
    return Estimate(
        means_A[:, None] - means_A,
        sampled_AA + table.seeds_A[:, None] + table.seeds_A,
        sampled_AA**2 / max(1, n - 1) + table.spread_A[:, None] + table.spread_A,
    )


def pool(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of what other questions and other trainings gave: each data set counts alike."""
    n = len(estimates)
    return Estimate(
        sum(estimate.value for estimate in estimates) / n,
        sum(estimate.variance for estimate in estimates) / n**2,
        sum(estimate.spread for estimate in estimates) / n**4,
    )


def interval(found: Estimate, confidence: float) -> tuple[Any, Any]:
    half = stats.t.ppf((1 + confidence) / 2, found.freedom) * np.sqrt(found.variance)
    return found.value - half, found.value + half


def share_interval(found: Estimate, confidence: float, num_questions: int) -> tuple[float, float]:
    """Of a share of right answers: Wilson's, for as many independent answers as would vary as much (Korn & Graubard
    1998), and for the questions themselves where all are right or all wrong."""
    share = min(max(found.value, 0.0), 1.0)
    worth = share * (1 - share) / found.variance if found.variance > 0 else float(num_questions)
    t = float(stats.t.ppf((1 + confidence) / 2, found.freedom))
    middle = (share + t**2 / (2 * worth)) / (1 + t**2 / worth)
    half = t / (1 + t**2 / worth) * np.sqrt(share * (1 - share) / worth + t**2 / (4 * worth**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def p_values(found: Estimate) -> Any:
    """Two-sided, of no difference."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(found.value) / np.sqrt(found.variance)
    return np.where(found.value == 0, 1.0, 2 * stats.t.sf(np.nan_to_num(t, posinf=np.inf), found.freedom))


def holm(p: Sequence[float]) -> Numbers:
    """Adjusted for all of them together (Holm 1979)."""
    values = np.array(p, dtype=float)
    order = np.argsort(values, kind="stable")
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
