"""How strong each of several arms is, from who won against whom."""

import numpy as np
from sklearn.linear_model import LogisticRegression


def strengths(compared: list[tuple[str, str, float, float]]) -> dict[str, float]:
    """Log-odds, of (first, second, share of wins of the first, prompts): the model of Bradley & Terry 1952, as a
    logistic regression. A small penalty keeps an arm that never wins at a finite distance."""
    arms = list(dict.fromkeys(arm for first, second, _, _ in compared for arm in (first, second)))
    design = np.zeros((len(compared), len(arms)))
    for row, (first, second, _, _) in enumerate(compared):
        design[row, arms.index(first)], design[row, arms.index(second)] = 1.0, -1.0
    shares, sizes = (np.array([row[column] for row in compared]) for column in (2, 3))
    fit = LogisticRegression(C=100.0, fit_intercept=False, tol=1e-8)
    fit.fit(
        np.tile(design, (2, 1)),
        np.repeat([1, 0], len(compared)),
        sample_weight=np.concatenate([shares * sizes, (1 - shares) * sizes]),
    )
    return dict(zip(arms, np.ravel(fit.coef_).tolist(), strict=True))
