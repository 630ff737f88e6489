"""The experiments of a data set as tables: what each arm got on each question, for every student."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from stages.evaluate.measures import measure_name
from stages.rows.prompt import PLAIN
from tools.study.grades import OUTCOMES, RETENTION, graded, questions, read_settings
from tools.study.rows import Experiment
from tools.study.statistics import Numbers, Table, tabulate


class Dataset(NamedTuple):
    """`experiments` by arm, a seed each; every table has a row for each of these arms, in their order."""

    name: str
    measure: str
    ids: list[str]  # of the questions that all experiments were asked
    experiments: dict[str, list[Experiment]]
    scores: dict[str, Table]  # by student
    forgotten: dict[str, Table]  # base minus student on the retention set; empty where nothing is retained
    by_seed: dict[tuple[str, str], list[float]]  # (student, arm) -> the score of each experiment
    outcomes: dict[tuple[str, str], dict[str, float]]  # (student, arm) -> shares


def read_dataset(name: str, experiments: Sequence[Experiment]) -> Dataset:
    arms: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        arms.setdefault(experiment.point.arm, []).append(experiment)
    asked = dict.fromkeys(prompts_of(experiment) for experiment in experiments)
    counts = Counter(prompt.id for prompts, split in asked for prompt in questions(prompts, split))
    ids = [prompt.id for prompt in questions(*next(iter(asked))) if counts[prompt.id] == len(asked)]
    if not ids:
        raise SystemExit(
            f"data set {name}: got experiments without a question in common, wanted arms that are asked the same"
        )
    scores, forgotten, by_seed, outcomes = {}, {}, {}, {}
    for student in read_settings(experiments[0].settings).students:
        values, lost = list[Numbers](), list[Numbers]()
        for arm, seeds in arms.items():
            each = [(score(experiment, student, ids), forgetting(experiment, student)) for experiment in seeds]
            found = [of_seed for of_seed, _ in each]
            values.append(np.stack([of_seed for of_seed, _ in found]))
            lost.append(np.stack([forgot for _, forgot in each]))
            by_seed[student, arm] = [float(of_seed.mean(dtype=float)) for of_seed, _ in found]
            counted = np.bincount(np.concatenate([codes for _, codes in found]), minlength=len(OUTCOMES))
            outcomes[student, arm] = dict(zip(OUTCOMES, (counted / counted.sum()).tolist(), strict=True))
        scores[student] = tabulate(values)
        if lost[0].size:
            forgotten[student] = tabulate(lost)
    task = questions(*next(iter(asked)))[0].task
    return Dataset(name, measure_name(task), ids, arms, scores, forgotten, by_seed, outcomes)


def prompts_of(experiment: Experiment) -> tuple[Path, str]:
    split = read_settings(experiment.settings).split
    return experiment.read[f"data/prompts/{split}.jsonl"], split


def score(experiment: Experiment, student: str, ids: list[str]) -> tuple[Any, Any]:
    """Values and outcomes of these questions, in their order."""
    prompts, split = prompts_of(experiment)
    found = graded(experiment.read[f"data/predictions/{student}.parquet"], prompts, split, experiment.settings)
    if len(found.values) == len(ids):
        return found
    wanted = set(ids)
    places = [place for place, prompt in enumerate(questions(prompts, split)) if prompt.id in wanted]
    return found.values[places], found.outcomes[places]


def forgetting(experiment: Experiment, student: str) -> Numbers:
    """What the base gets right on each question of the retention set, minus what the student does."""
    prompts = experiment.read["data/prompts/retention.jsonl"]
    base, own = (
        graded(experiment.read[f"data/predictions/{model}.parquet"], prompts, RETENTION, experiment.settings).values
        for model in (f"base-{student}", student)
    )
    return np.subtract(base, own, dtype=float)


def of_model(experiment: Experiment, model: str, style: str = PLAIN) -> dict[str, Any] | None:
    """What `evaluate` told of a model asked in a style."""
    arms = experiment.metrics["evaluate"]["arms"]
    return next((arm for arm in arms if (arm["model"], arm["style"]) == (model, style)), None)


def mean_price(experiments: Sequence[Experiment], student: str) -> float | None:
    """Of a thousand questions to the student, over the seeds; None where it is not known."""
    prices = [arm["cost_per_1000"] for e in experiments if (arm := of_model(e, student))]
    return None if not prices or None in prices else fmean(prices)


def mean_metric(experiments: Sequence[Experiment], *keys: str) -> float | None:
    """A number of the metrics, over the seeds."""
    found = list[Any]()
    for experiment in experiments:
        value: Any = experiment.metrics
        for key in keys:
            value = value[key]
        found.append(value)
    return None if None in found else fmean(found)
