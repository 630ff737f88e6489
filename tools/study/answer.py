"""What a study says: the arms of each student and data set and over them, what each factor does, who differs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from tools.study.scores import Dataset
from tools.study.statistics import (
    Estimate,
    Numbers,
    Table,
    average,
    contrast,
    differences,
    holm,
    interval,
    p_values,
    pool,
    rows,
    share_interval,
)


class Bounds(NamedTuple):
    value: float
    low: float
    high: float


class Pair(NamedTuple):
    """`first` minus `second`."""

    first: str
    second: str
    difference: Bounds
    p: float


class Pairs(NamedTuple):
    """Every two arms: the row's minus the column's; `p_AA` is adjusted for all of them together (Holm)."""

    arms: list[str]
    difference_AA: Numbers
    low_AA: Numbers
    high_AA: Numbers
    p_AA: Numbers

    def of(self, first: str, second: str) -> Pair:
        at = self.arms.index(first), self.arms.index(second)
        bounds = (float(of_all[at]) for of_all in (self.difference_AA, self.low_AA, self.high_AA))
        return Pair(first, second, Bounds(*bounds), float(self.p_AA[at]))


class Effect(NamedTuple):
    """What the value `to` of a factor does against `of`, over arms that differ in nothing else."""

    factor: str
    to: str
    of: str
    difference: Bounds
    p: float  # adjusted for all effects of the scope (Holm)
    pairs: int  # of arms, over the data sets


class Scope(NamedTuple):
    """A student, or all of them in the mean, on a data set, or on all of one measure in the mean."""

    student: str
    datasets: list[str]
    measure: str
    arms: dict[str, Bounds]  # best first
    pairs: Pairs
    effects: list[Effect]

    @property
    def name(self) -> str:
        return f"{self.student}, {' + '.join(self.datasets)}"

    def as_good_as_best(self, confidence: float) -> list[str]:
        """The arms of which it is not shown that they are worse than the best."""
        best = next(iter(self.arms))
        return [arm for arm in self.arms if arm == best or self.pairs.of(best, arm).p >= 1 - confidence]


def scopes(datasets: Sequence[Dataset], factors: Mapping[str, dict[str, str]], confidence: float) -> list[Scope]:
    """Over data sets first, where several have a measure in common; then each."""
    measures = Counter(dataset.measure for dataset in datasets)
    together = [[d for d in datasets if d.measure == measure] for measure, count in measures.items() if count > 1]
    # a study that still runs may have no arm yet in all of them
    together = [some for some in together if set[str].intersection(*(set(d.experiments) for d in some))]
    students = list(datasets[0].scores)
    over = [students, *([student] for student in students)] if len(students) > 1 else [students]
    return [
        scope(some, among, factors, confidence)
        for some in (*together, *([dataset] for dataset in datasets))
        for among in over
    ]


def scope(
    datasets: Sequence[Dataset], students: Sequence[str], factors: Mapping[str, dict[str, str]], confidence: float
) -> Scope:
    tables = [average([dataset.scores[student] for student in students]) for dataset in datasets]
    arms = [arm for arm in datasets[0].experiments if all(arm in dataset.experiments for dataset in datasets)]
    common = [
        rows(table, [list(dataset.experiments).index(arm) for arm in arms])
        for table, dataset in zip(tables, datasets, strict=True)
    ]
    measure, num_questions = datasets[0].measure, sum(len(dataset.ids) for dataset in datasets)
    means = {}
    for weights, arm in zip(np.eye(len(arms)), arms, strict=True):
        found = pool([contrast(table, weights) for table in common])
        low, high = (
            share_interval(found, confidence, num_questions) if measure == "accuracy" else interval(found, confidence)
        )
        means[arm] = Bounds(found.value, max(0.0, float(low)), float(high))
    return Scope(
        "all students" if len(students) > 1 else students[0],
        [dataset.name for dataset in datasets],
        measure,
        dict(sorted(means.items(), key=lambda item: -item[1].value)),
        all_pairs(arms, common, confidence),
        effects(list(zip(datasets, tables, strict=True)), factors, confidence),
    )


def forgotten(dataset: Dataset, student: str, confidence: float) -> dict[str, Bounds]:
    """What the student of each arm lost against its base on the retention set, least first."""
    arms, found = list(dataset.experiments), dict[str, Bounds]()
    for weights, arm in zip(np.eye(len(arms)), arms, strict=True):
        lost = contrast(dataset.forgotten[student], weights)
        found[arm] = Bounds(lost.value, *map(float, interval(lost, confidence)))
    return dict(sorted(found.items(), key=lambda item: item[1].value))


def all_pairs(arms: list[str], tables: Sequence[Table], confidence: float) -> Pairs:
    found = pool([differences(table) for table in tables])
    upper = np.triu_indices(len(arms), 1)
    p_AA = np.ones_like(found.value)
    p_AA[upper] = p_AA.T[upper] = holm(p_values(found)[upper])
    return Pairs(arms, found.value, *interval(found, confidence), p_AA)


def effects(
    tables: Sequence[tuple[Dataset, Table]], factors: Mapping[str, dict[str, str]], confidence: float
) -> list[Effect]:
    found = list[tuple[str, str, str, Estimate, int]]()
    for factor, of, to in level_pairs(factors):
        estimates, num_pairs = list[Estimate](), 0
        for dataset, table in tables:
            arms = list(dataset.experiments)
            pairs = matched(arms, factors, factor, of, to)
            weights = np.zeros(len(arms))
            for low, high in pairs:
                weights[high] += 1 / len(pairs)
                weights[low] -= 1 / len(pairs)
            if pairs:
                estimates.append(contrast(table, weights))
                num_pairs += len(pairs)
        if estimates:
            found.append((factor, to, of, pool(estimates), num_pairs))
    adjusted = holm([float(p_values(estimate)) for *_, estimate, _ in found])
    return [
        Effect(factor, to, of, Bounds(estimate.value, *map(float, interval(estimate, confidence))), float(p), count)
        for (factor, to, of, estimate, count), p in zip(found, adjusted, strict=True)
    ]


def level_pairs(factors: Mapping[str, dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    """(factor, value, another), the values in the order of the study's file."""
    for factor in dict.fromkeys(factor for arm in factors.values() for factor in arm):
        levels = dict.fromkeys(arm[factor] for arm in factors.values() if factor in arm)
        yield from ((factor, of, to) for of, to in combinations(levels, 2))


def matched(
    arms: Sequence[str], factors: Mapping[str, dict[str, str]], factor: str, of: str, to: str
) -> list[tuple[int, int]]:
    """Places of arms that have one value and the other, and are alike in every other factor."""
    sides: dict[Any, dict[str, int]] = {}
    for place, arm in enumerate(arms):
        level = factors[arm].get(factor)
        if level in (of, to):
            others = frozenset((name, value) for name, value in factors[arm].items() if name != factor)
            sides.setdefault(others, {})[level] = place
    return [(side[of], side[to]) for side in sides.values() if len(side) == 2]
