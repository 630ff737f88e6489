"""How far graders agree, from tables of who gave which grade: all of it over any number of tables at once."""

from collections.abc import Sequence

import numpy as np

from stages.statistics.resampling import Array


def coincidences(ratings: Sequence[int], num_grades: int) -> Array:
    """Krippendorff's coincidences of the grades, 0 to num_grades - 1, that one thing was given; empty below two."""
    counts = np.bincount(np.asarray(ratings, dtype=int), minlength=num_grades).astype(float)
    if len(ratings) < 2:
        return np.zeros((num_grades, num_grades))
    return (np.outer(counts, counts) - np.diag(counts)) / (len(ratings) - 1)


def alpha(tables: Array, ordinal: bool) -> Array:
    """Krippendorff's alpha of summed coincidences (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability);
    nominal unless ordinal."""
    totals = tables.sum(-1)
    size = totals.sum(-1)
    distances = between(midranks(totals)) if ordinal else 1 - np.eye(tables.shape[-1])
    seen = (tables * distances).sum((-2, -1))
    chance = (totals[..., :, None] * totals[..., None, :] * distances).sum((-2, -1))
    return 1 - (size - 1) * seen / chance


def kappa(tables: Array) -> Array:
    """Cohen's, with quadratic weights (Cohen 1968), of tables whose rows are one grader's grades and columns the
    other's; of two grades the unweighted one."""
    grades = np.arange(tables.shape[-1], dtype=float)
    distances = between(grades)
    rows, columns, size = tables.sum(-1), tables.sum(-2), tables.sum((-2, -1))
    chance = (rows[..., :, None] * columns[..., None, :] * distances).sum((-2, -1))
    return 1 - size * (tables * distances).sum((-2, -1)) / chance


def spearman(tables: Array) -> Array:
    """Spearman's rank correlation of the rows and the columns, ties by their middle rank."""
    rows, columns, size = tables.sum(-1), tables.sum(-2), tables.sum((-2, -1))[..., None]
    x, y = midranks(rows) - size / 2, midranks(columns) - size / 2
    together = (tables * x[..., :, None] * y[..., None, :]).sum((-2, -1))
    return together / np.sqrt((rows * x**2).sum(-1) * (columns * y**2).sum(-1))


def midranks(totals: Array) -> Array:
    """The middle rank of each grade, counted from 0."""
    return totals.cumsum(-1) - totals / 2


def between(places: Array) -> Array:
    return (places[..., :, None] - places[..., None, :]) ** 2
