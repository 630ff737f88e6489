"""What share of pairs the first would win if both replies were of one length."""

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from stages.statistics.resampling import Array, Estimate, bootstrap


def length_differences(first: Array, second: Array) -> Array:
    """Between -1 and 1: tanh of the difference in standard deviations, as in AlpacaEval 2."""
    differences = first - second
    deviation = differences.std()
    return np.tanh(differences / deviation) if deviation else np.zeros_like(differences)


def controlled_win_rate(
    scores: Array, differences: Array, confidence: float, num_resamples: int, seed: int
) -> Estimate:
    """A logistic regression of the scores, 0 to 1 for the first, on the length differences, read at a difference of 0
    (Dubois et al., arXiv 2404.04475, equation 2, without its term of the instruction's difficulty, which needs many
    models). As there the coefficient of length is penalised. The bootstrap takes one Newton step from the fit for each
    draw instead of fitting anew (Shao & Tu 1995, section 8.1)."""
    if not len(scores):
        return Estimate(None, None)
    if scores.mean() in (0.0, 1.0):  # no length explains a verdict that is always the same
        return Estimate(float(scores.mean()), (float(scores.mean()), float(scores.mean())))
    fit = LogisticRegression(C=1.0, tol=1e-8)
    # a score of a half is half a win and half a loss
    fit.fit(
        np.tile(differences, 2)[:, None],
        np.repeat([1, 0], len(scores)),
        sample_weight=np.concatenate([scores, 1 - scores]),
    )
    intercept, slope = float(np.ravel(fit.intercept_)[0]), float(np.ravel(fit.coef_)[0])
    expected = expit(intercept + slope * differences)
    missed, certainty = scores - expected, expected * (1 - expected)
    units = np.stack(
        [missed, missed * differences, certainty, certainty * differences, certainty * differences**2], axis=-1
    )

    def after_a_step(sums: Array) -> Array:
        by_intercept, by_slope, a, b, c = sums.T
        by_slope, c = by_slope - slope, c + 1.0  # of the penalty, slope ** 2 / 2
        return expit(intercept + (c * by_intercept - b * by_slope) / (a * c - b**2))

    return bootstrap(units, after_a_step, confidence, num_resamples, seed)
