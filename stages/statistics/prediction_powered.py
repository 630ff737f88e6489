"""Prediction-powered inference of a mean: a judge's grades of all rows, people's of a few."""

import numpy as np
from scipy import stats

from stages.statistics.resampling import Array, Estimate


def prediction_powered_mean(
    people: Array, judge: Array, weights: Array, judge_of_all: Array, confidence: float
) -> tuple[Estimate, float]:
    """The mean of what people would grade all rows, and how far the judge was relied on, 0 to 1.

    `people` and `judge` grade the same few rows, drawn from all with probabilities in proportion to 1 / `weights`. This
    is PPI++ of a mean (Angelopoulos et al., arXiv 2311.01453, section 6 and example 6.1), in the form in which the
    judge's mean is of all rows, those of people among them: reliance * mean(judge_of_all) + mean(people - reliance *
    judge). The reliance is the one of least variance, the regression of people on judge, held within 0 and 1; so a
    useless judge costs nothing. The interval is normal, by the residuals.
    """
    shares = weights / weights.sum()
    mean_people, mean_judge = shares @ people, shares @ judge
    spread = shares @ (judge - mean_judge) ** 2
    reliance = (
        float(np.clip(shares @ ((people - mean_people) * (judge - mean_judge)) / spread, 0, 1)) if spread else 0.0
    )
    value = mean_people + reliance * (judge_of_all.mean() - mean_judge)
    residuals = people - mean_people - reliance * (judge - mean_judge)
    size = len(people)
    of_few = (shares**2 * residuals**2).sum() * size / max(1, size - 1)
    of_all = reliance**2 * judge_of_all.var() / len(judge_of_all)
    both = 2 * reliance * (shares @ (residuals * (judge - mean_judge))) / len(judge_of_all)
    half = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(max(0.0, of_few + of_all + both))
    return Estimate(float(value), (float(value - half), float(value + half))), reliance
