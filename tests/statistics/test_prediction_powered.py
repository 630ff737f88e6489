"""Prediction-powered means: by hand, as the paper has them, and their intervals hold the truth as often as they say."""

import numpy as np
import pytest
from scipy import stats

from stages.statistics.prediction_powered import prediction_powered_mean

EVEN = np.ones(4)


def test_by_hand() -> None:
    people, judge = np.array([1.0, 2.0, 4.0, 5.0]), np.array([2.0, 2.0, 4.0, 4.0])
    judge_of_all = np.array([2.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0])
    found, reliance = prediction_powered_mean(people, judge, EVEN, judge_of_all, 0.95)
    # covariance (2 + 1 + 1 + 2) / 4 = 1.5, variance of the judge 1, so a reliance of 1.5, held within 1
    assert reliance == 1.0
    assert found.value == pytest.approx(3.0 + (3.5 - 3.0))
    # residuals -1, 0, 0, 1: variance of their mean 2 / 3 / 4; of all 0.75 / 8; covariance (1 + 1) / 4 with weight 2 / 8
    half = stats.norm.ppf(0.975) * (2 / 3 / 4 + 0.75 / 8 + 2 / 8 * 0.5) ** 0.5
    assert found.interval == pytest.approx((3.5 - half, 3.5 + half))


def test_it_is_the_estimate_of_ppi_plus_plus_with_its_best_lambda() -> None:
    """arXiv 2311.01453, example 6.1, with the unlabelled rows apart from the labelled ones, as the paper has them."""
    rng = np.random.default_rng(3)
    judge_of_all = rng.normal(3, 1, 400)
    labelled, unlabelled = judge_of_all[:60], judge_of_all[60:]
    people = 0.6 * labelled + rng.normal(1, 0.5, 60)
    found, reliance = prediction_powered_mean(people, labelled, np.ones(60), judge_of_all, 0.95)
    slope = np.cov(people, labelled, ddof=0)[0, 1] / labelled.var()
    its_lambda = slope / (1 + 60 / 340)
    paper = its_lambda * unlabelled.mean() + (people - its_lambda * labelled).mean()
    assert reliance == pytest.approx(slope)
    assert found.value == pytest.approx(paper)
    spread = its_lambda**2 * judge_of_all.var() / 340 + (people - its_lambda * labelled).var() / 60
    assert found.interval
    assert found.value
    assert found.interval[1] - found.value == pytest.approx(1.96 * spread**0.5, rel=0.03)


def test_a_useless_judge_costs_nothing() -> None:
    people = np.array([1.0, 5.0, 2.0, 4.0])
    found, reliance = prediction_powered_mean(people, np.array([3.0, 3.0, 3.0, 3.0]), EVEN, np.full(20, 3.0), 0.95)
    assert (found.value, reliance) == (3.0, 0.0)
    against, reliance = prediction_powered_mean(people, 6 - people, EVEN, np.full(20, 3.0), 0.95)
    assert (against.value, reliance) == (3.0, 0.0), "nor one that says the opposite"


@pytest.mark.parametrize("even", [True, False], ids=["drawn evenly", "half of them where they differ"])
def test_the_interval_holds_the_truth_as_often_as_it_says_and_is_narrower_than_that_of_people_alone(even: bool) -> None:
    rng, held, widths, alone = np.random.default_rng(5), 0, [], []
    for _ in range(400):
        truth = np.clip(np.round(rng.normal(3.2, 1.1, 500)), 1, 5)
        judge = np.clip(np.round(truth + 0.4 + rng.normal(0, 0.7, 500)), 1, 5)
        chance = np.full(500, 0.2) if even else np.where(abs(judge - truth) > 1, 0.6, 0.15)
        few = rng.random(500) < chance
        found, _ = prediction_powered_mean(truth[few], judge[few], 1 / chance[few], judge, 0.95)
        assert found.interval
        # of all replies that the models could give, of which these 500 prompts are a sample
        held += found.interval[0] <= MEAN <= found.interval[1]
        widths.append(found.interval[1] - found.interval[0])
        alone.append(2 * 1.96 * truth[few].std() / few.sum() ** 0.5)
    assert 0.92 <= held / 400 <= 0.98
    assert not even or np.mean(widths) < 0.85 * np.mean(alone)


MEAN = float(np.clip(np.round(np.random.default_rng(0).normal(3.2, 1.1, 1_000_000)), 1, 5).mean())
