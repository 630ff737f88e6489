"""The questions on which the arms differ most, with their replies side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from stages.rows.prompt import PLAIN, Prompt
from tools.study.grades import OUTCOMES, plain_rows, questions
from tools.study.rows import Experiment
from tools.study.scores import Dataset, prompts_of, score

NUM_QUESTIONS = 20
BESIDE = 8  # replies side by side: all arms, or where there are more, the best and the worst


class Reply(NamedTuple):
    """Of the first seed; `value` is the mean over all of them."""

    arm: str
    experiment: Experiment
    text: str
    outcome: str
    value: float
    seeds: int


class Question(NamedTuple):
    dataset: str
    student: str
    id: str
    asked: str
    reference: str
    replies: list[Reply]


def most_different(datasets: Sequence[Dataset]) -> list[Question]:
    """As many of every data set as of the next; each is shown for the student on which it parts the arms most."""
    found = list[Question]()
    for i, dataset in enumerate(datasets):
        share = NUM_QUESTIONS // len(datasets) + (i < NUM_QUESTIONS % len(datasets))
        students = list(dataset.scores)
        spread_KQ = np.stack([dataset.scores[student].means_AQ.var(0) for student in students])
        largest_Q = spread_KQ.max(0)
        # the first of equals; none on which all arms agree
        places = [int(q) for q in np.argsort(-largest_Q, kind="stable")[:share] if largest_Q[q] > 0]
        for student in students:
            mine = [q for q in places if students[int(spread_KQ[:, q].argmax())] == student]
            found += side_by_side(dataset, student, mine)
    return found


def side_by_side(dataset: Dataset, student: str, places: Sequence[int]) -> list[Question]:
    if not places:
        return []
    ids = [dataset.ids[place] for place in places]
    replies: dict[str, list[Reply]] = {id: [] for id in ids}
    for arm in shown_arms(dataset, student):
        experiments = dataset.experiments[arm]
        first = experiments[0]
        rows = plain_rows(first.read[f"data/predictions/{student}.parquet"])
        rows = rows.filter((pl.col("split") == prompts_of(first)[1]) & pl.col("id").is_in(ids))
        texts = dict(rows.select("id", "text").iter_rows())
        outcomes = score(first, student, dataset.ids)[1]
        means_Q = dataset.scores[student].means_AQ[list(dataset.experiments).index(arm)]
        for place, id in zip(places, ids, strict=True):
            outcome = OUTCOMES[outcomes[place]].replace("_", " ")
            replies[id].append(Reply(arm, first, texts[id], outcome, float(means_Q[place]), len(experiments)))
    prompts = {prompt.id: prompt for prompt in questions(*prompts_of(next(iter(dataset.experiments.values()))[0]))}
    return [Question(dataset.name, student, id, asked(prompts[id]), prompts[id].reference, replies[id]) for id in ids]


def shown_arms(dataset: Dataset, student: str) -> list[str]:
    arms = list(dataset.experiments)
    if len(arms) <= BESIDE:
        return arms
    order = np.argsort(-dataset.scores[student].means_AQ.mean(1), kind="stable")
    return [arms[i] for i in (*order[: BESIDE // 2], *order[-(BESIDE // 2) :])]


def asked(prompt: Prompt) -> str:
    return "\n".join(turn.content for turn in prompt.messages[PLAIN] if turn.role != "system")
