"""A win rate without what length adds."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from stages.statistics.length_control import controlled_win_rate

ALL = np.ones(400, dtype=bool)


def drawn(intercept: float, slope: float, longer: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    differences = np.tanh(rng.normal(longer, 1, 400))
    return (rng.random(400) < expit(intercept + slope * differences)).astype(float), differences


def test_a_lead_that_is_all_length_is_gone() -> None:
    scores, differences = drawn(0.0, 2.0, 0.8)
    found = controlled_win_rate(scores, differences, ALL, 0.95, 2_000, 0)
    assert scores.mean() > 0.65
    assert found.interval
    assert found.interval[0] < 0.5 < found.interval[1]


def test_the_interval_is_that_of_a_fit_to_each_draw() -> None:
    scores, differences = drawn(0.5, 1.0, 0.3)
    found = controlled_win_rate(scores, differences, ALL, 0.95, 4_000, 0)
    rng, refitted = np.random.default_rng(0), []
    for _ in range(120):
        rows = rng.integers(0, 400, 400)
        fit = LogisticRegression(C=1.0).fit(differences[rows, None], scores[rows])
        refitted.append(expit(np.ravel(fit.intercept_)[0]))
    assert found.interval == pytest.approx(np.percentile(refitted, (2.5, 97.5)), abs=0.02)


def test_what_was_not_asked_keeps_its_score() -> None:
    scores, differences = drawn(0.0, 0.0, 0.0)
    asked = np.arange(400) < 300
    scores[~asked] = 1.0
    found = controlled_win_rate(scores, differences, asked, 0.95, 1_000, 0)
    alone = controlled_win_rate(scores[:300], differences[:300], ALL[:300], 0.95, 1_000, 0)
    assert found.value
    assert alone.value
    assert found.value == pytest.approx(0.75 * alone.value + 0.25)


def test_a_verdict_that_is_always_the_same_is_no_matter_of_length() -> None:
    found = controlled_win_rate(np.ones(20), np.linspace(-1, 1, 20), ALL[:20], 0.95, 1_000, 0)
    assert (found.value, found.interval) == (1.0, (1.0, 1.0))
