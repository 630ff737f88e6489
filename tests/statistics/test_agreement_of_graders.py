"""Alpha, kappa and Spearman's correlation against published examples and other libraries."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from stages.statistics.agreement import alpha, coincidences, kappa, spearman

# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section C: four observers, twelve units, "." is missing
KRIPPENDORFF = [
    "123321412...",
    "12332241 25.3".replace(" ", ""),
    ".33323422 51.".replace(" ", ""),
    "1233244125 1.".replace(" ", ""),
]


def krippendorff() -> np.ndarray:
    units = zip(*KRIPPENDORFF, strict=True)
    return np.sum([coincidences([int(v) - 1 for v in unit if v != "."], 5) for unit in units], axis=0)[None]


def test_alpha_of_krippendorffs_own_example() -> None:
    assert krippendorff().sum() == 40, "pairable values, as the paper counts them"
    assert alpha(krippendorff(), ordinal=False)[0] == pytest.approx(0.743, abs=5e-4)
    assert alpha(krippendorff(), ordinal=True)[0] == pytest.approx(0.815, abs=5e-4)


def test_alpha_of_his_example_of_two_observers_and_yes_and_no() -> None:
    # section A: ten units, two observers
    first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    table = np.sum([coincidences(pair, 2) for pair in zip(first, second, strict=True)], axis=0)[None]
    assert alpha(table, ordinal=False)[0] == pytest.approx(0.095, abs=5e-4)


def test_kappa_of_published_examples() -> None:
    # Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, table 18.1, by its 2 x 2 collapse
    diagnoses = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]], dtype=float)
    psychotic = np.array([[diagnoses[0, 0], diagnoses[0, 1:].sum()], [diagnoses[1:, 0].sum(), diagnoses[1:, 1:].sum()]])
    assert kappa(psychotic[None])[0] == pytest.approx((0.90 - 0.68) / (1 - 0.68), abs=5e-4)
    # two readers of 50 proposals: 20 and 15 agreed
    assert kappa(np.array([[[20.0, 5.0], [10.0, 15.0]]]))[0] == pytest.approx(0.4)


def test_kappa_and_spearman_as_other_libraries_have_them_many_tables_at_once() -> None:
    rng = np.random.default_rng(1)
    pairs = [(first, np.clip(first + rng.integers(-1, 2, 80), 0, 4)) for first in rng.integers(0, 5, (3, 80))]
    tables = np.zeros((3, 5, 5))
    for table, (first, second) in zip(tables, pairs, strict=True):
        np.add.at(table, (first, second), 1.0)
    wanted = [cohen_kappa_score(first, second, weights="quadratic") for first, second in pairs]
    assert kappa(tables) == pytest.approx(np.array(wanted))
    assert spearman(tables) == pytest.approx(np.array([spearmanr(*pair).statistic for pair in pairs]))  # pyright: ignore[reportAttributeAccessIssue]


def test_one_rating_says_nothing_of_agreement() -> None:
    assert coincidences([3], 5).sum() == coincidences([], 5).sum() == 0
