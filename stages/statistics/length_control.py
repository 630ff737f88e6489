"""What share of pairs the first would win if both replies were of one length."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from stages.statistics.resampling import Array, Estimate, bootstrap, ratio


def controlled_win_rate(
    scores: Array,
    differences: Array,
    was_asked: NDArray[np.bool_],
    confidence: float,
    num_resamples: int,
    seed: int,
) -> Estimate:
    """A logistic regression of the scores, 0 to 1 for the first, on the length differences, -1 to 1, read at a
    difference of 0 (Dubois et al., arXiv 2404.04475, equation 2, without its term of the instruction's difficulty,
    which needs many models). As there the coefficient of length is penalised. What was not asked keeps its score. The
    bootstrap takes one Newton step from the fit for each draw instead of fitting anew (Shao & Tu 1995, section 8.1)."""
    judged = scores[was_asked]
    if not len(judged) or judged.mean() in (0.0, 1.0):  # no length explains verdicts that are all the same
        return bootstrap(np.stack([scores, np.ones_like(scores)], axis=-1), ratio, confidence, num_resamples, seed)
    fit = LogisticRegression(C=1.0, tol=1e-8)
    # a score of a half is half a win and half a loss
    fit.fit(
        np.tile(differences[was_asked], 2)[:, None],
        np.repeat([1, 0], len(judged)),
        sample_weight=np.concatenate([judged, 1 - judged]),
    )
    intercept, slope = float(np.ravel(fit.intercept_)[0]), float(np.ravel(fit.coef_)[0])
    expected, asked = expit(intercept + slope * differences), was_asked.astype(float)
    missed, certainty = asked * (scores - expected), asked * expected * (1 - expected)
    units = np.stack(
        [
            missed,
            missed * differences,
            certainty,
            certainty * differences,
            certainty * differences**2,
            asked,
            (1 - asked) * scores,
            np.ones_like(scores),
        ],
        axis=-1,
    )

    def after_a_step(sums: Array) -> Array:
        by_intercept, by_slope, a, b, c, num_asked, unasked, num = sums.T
        by_slope, c = by_slope - slope, c + 1.0  # of the penalty, slope ** 2 / 2
        at_no_difference = expit(intercept + (c * by_intercept - b * by_slope) / (a * c - b**2))
        return (num_asked * at_no_difference + unasked) / num

    return bootstrap(units, after_a_step, confidence, num_resamples, seed)
