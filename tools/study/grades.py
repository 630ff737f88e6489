"""The replies of experiments, graded as `evaluate` does it: a value and an outcome for each question."""

from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stages.evaluate.grade import Outcome, Prediction, grade_one
from stages.evaluate.measures import MEASURES, of_conversations, of_summaries
from stages.evaluate.params import Params
from stages.rows.prompt import PLAIN, Prompt, read_prompts
from stages.tasks.answers.table import TASKS

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
COLUMNS = ("split", "id", "style", "text", "finish_reason", "prompt_tokens", "completion_tokens")
RETENTION = "retention"
SAME_REPLIES = 200_000  # whose measures are kept: a measure of likeness takes a millisecond


class Graded(NamedTuple):
    """In the order of the questions."""

    values: NDArray[np.float32]
    outcomes: NDArray[np.uint8]  # places in OUTCOMES


@cache
def read_settings(settings: str) -> Params:
    return Params.model_validate_json(settings)


@lru_cache(maxsize=64)
def questions(prompts: Path, split: str) -> tuple[Prompt, ...]:
    """Those that are graded: of the retention set, those that have a right answer."""
    return tuple(prompt for prompt in read_prompts(prompts) if split != RETENTION or TASKS[prompt.task].is_right)


@lru_cache(maxsize=1024)
def graded(predictions: Path, prompts: Path, split: str, settings: str) -> Graded:
    """A model's replies to the plain prompts, which is how a student is asked."""
    asked, params = questions(prompts, split), read_settings(settings)
    if not asked:
        return Graded(np.empty(0, np.float32), np.empty(0, np.uint8))
    replied = {row[1]: Prediction(*row) for row in plain_rows(predictions).filter(pl.col("split") == split).iter_rows()}
    value_of = valuer(prompts, asked[0].task, settings)
    values, outcomes = np.empty(len(asked), np.float32), np.empty(len(asked), np.uint8)
    for i, prompt in enumerate(asked):
        if prompt.id not in replied:
            raise SystemExit(f"{predictions}: got no reply to {prompt.id}, wanted one to every question of {prompts}")
        outcome, answer = grade_one(replied[prompt.id], prompt, params.answer_format, params.bare_number)
        values[i], outcomes[i] = value_of(outcome, answer, prompt), OUTCOMES.index(outcome)
    return Graded(values, outcomes)


@lru_cache(maxsize=8)  # a file is read for the questions and for the retention set, one after the other
def plain_rows(predictions: Path) -> pl.DataFrame:
    return pl.read_parquet(predictions, columns=list(COLUMNS)).filter(pl.col("style") == PLAIN)


@cache
def valuer(prompts: Path, task: str, settings: str) -> Callable[[Outcome, str | None, Prompt], float]:
    """The value by which `evaluate` compares arms (stages/evaluate/measures.py); equal replies are measured once."""
    if TASKS[task].is_right:
        return lambda outcome, answer, prompt: float(outcome == "right")
    of_row: Any = of_summaries(read_settings(settings)) if task == "summarization" else of_conversations
    name, known = MEASURES[task], dict[tuple[str, str], float]()

    def value(outcome: Outcome, answer: str | None, prompt: Prompt) -> float:
        if not answer:
            return 0.0
        if (prompt.id, answer) not in known:
            if len(known) >= SAME_REPLIES:
                known.clear()
            known[prompt.id, answer] = of_row(answer, prompt).get(name, 0.0)
        return known[prompt.id, answer]

    return value
