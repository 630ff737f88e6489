"""The next round's quotas, by where a student fails: `python -m tools.quotas 8b`.

After kMQ (Yu et al., arXiv 2409.11378): a domain's quota is multiplied by what its questions still cost the student,
the mean of the gold answer's score, 1, less that of the student's reply, 1 where it is right and else 0. It reads the
rows of `select` and the student's predictions of the validation split. Those questions are in no row: each belongs to
the domain of the row with the most similar question.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from stages.evaluate import params as evaluate
from stages.evaluate.arms import arms_of
from stages.evaluate.grade import read_predictions
from stages.rows.parquet import read_rows, scores_in
from stages.rows.prompt import PLAIN, Prompt, read_prompts
from stages.select import params as select
from stages.select.rules import RULES
from stages.select.scores import with_random_and_vote
from stages.select.split import domains, to_shares
from stages.select.sql import NAMES
from stages.tasks.answers.table import TASKS

ROWS = Path("data/selected/rows.parquet")
FLOOR = 0.01  # of a domain's gap: a domain that the student masters is not lost for good


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.quotas", description=__doc__)
    parser.add_argument("student", help="such as 8b; its predictions are those of the last run")
    student: str = parser.parse_args(arguments).student
    budget, asked = select.load().select.budget, evaluate.load()
    if asked.split != "validation":
        raise SystemExit(
            f"params.yaml: predict.split: got {asked.split}, wanted validation, because quotas are chosen by it: "
            f"dvc exp run -S predict.split=validation"
        )
    rows = passed(budget)
    prompts = read_prompts(Path("data/prompts/validation.jsonl"))
    of_prompts = nearest_domains(rows["question"].to_list(), rows["domain"].to_list(), list(map(question, prompts)))
    lost: dict[str, list[float]] = {}
    for domain, gap in zip(of_prompts, gaps(student, prompts, asked), strict=True):
        lost.setdefault(domain, []).append(gap)
    before = budget.quotas or to_shares(rows, budget.model_copy(update={"split": "size"}))
    after = reweighted(before, lost)
    for name in sorted(before):
        told = f"{mean(lost[name]):.3f} of {len(lost[name])} questions lost" if name in lost else "no question"
        print(f"{name}: {told}, quota {before[name]:.4f} -> {after[name]:.4f}")
    keys = " ".join(f"-S ++select.budget.quotas.{name}={share:.4f}" for name, share in rounded_down(after).items())
    print(f"dvc exp run -S select.budget.split=none {keys}")


def passed(budget: select.Budget) -> pl.DataFrame:
    """The train rows that came to `select`, with their domain."""
    names = [name for name in NAMES.values() if name not in ("vote", "random")]
    columns = (*names, "answer", "question", "reason", "is_validation", *scores_in(ROWS))
    rows = with_random_and_vote(read_rows(ROWS, columns), budget.seed)
    came = pl.col("reason").is_null() | pl.col("reason").is_in([rule.reason for rule in RULES])
    rows = rows.filter(came & ~pl.col("is_validation"))
    return rows.with_columns(domains(rows, budget.domain))


def question(prompt: Prompt) -> str:
    return "\n".join(turn.content for turn in prompt.messages[PLAIN] if turn.role != "system")


def gaps(student: str, prompts: list[Prompt], asked: evaluate.Params) -> list[float]:
    """Of each prompt: 1, less the score of the student's reply."""
    if TASKS[prompts[0].task].is_right is None:
        raise SystemExit(f"quotas: got the task {prompts[0].task}, wanted one in which a reply is right or wrong")
    path = Path(f"data/predictions/{student}.parquet")
    predictions = [prediction for prediction in read_predictions(path) if prediction.split == asked.split]
    plain = [arm for arm in arms_of(student, predictions, prompts, asked) if arm.style == PLAIN]
    if not plain:
        raise SystemExit(f"{path}: got no plain replies of the {asked.split} split, wanted some: dvc repro predict")
    return [1 - value for value in plain[0].measured.values]


def nearest_domains(known: Sequence[str], of_known: Sequence[str], asked: Sequence[str]) -> list[str]:
    """The domain of the known question with the nearest TF-IDF vector, of equals the first."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    words = TfidfVectorizer(token_pattern=r"\S+").fit([*known, *asked])
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(words.transform(known))
    places = nearest.kneighbors(words.transform(asked), return_distance=False)[:, 0]
    return [of_known[int(place)] for place in places]


def reweighted(before: Mapping[str, float], lost: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Each quota times its domain's mean gap, normalised to the sum of before. A domain without a question has the mean
    gap of the others."""
    known = {name: max(mean(lost[name]), FLOOR) for name in before if lost.get(name)}
    rest = mean(list(known.values())) if known else 1.0
    products = {name: quota * known.get(name, rest) for name, quota in before.items()}
    scale = sum(before.values()) / sum(products.values())
    return {name: product * scale for name, product in products.items()}


def rounded_down(shares: Mapping[str, float]) -> dict[str, float]:
    """To 4 decimals, so that they sum to no more than 1."""
    return {name: math.floor(10_000 * share + 1e-6) / 10_000 for name, share in shares.items()}


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
