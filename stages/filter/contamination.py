"""Train rows that hold a text of the test split, each with the text that shows it.

Rules, in this order; the first that hits counts:

- exact: the same words, whatever case, punctuation and spaces. Question against question; target against worked
  solution, from `ngram` words on, because short answers are the same by nature.
- ngram (`common_runs.py`): a run of at least `ngram` words in common with a question or a worked solution (Brown et al.
  2020, arXiv 2005.14165, appendix C, with 13).
- similar (`similar_questions.py`): question against question; sets of words with a Jaccard of at least `similar`, and
  the same numbers as often: a question with other numbers is another question.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from stages.filter.common_runs import Runs, common_runs, index_runs
from stages.filter.similar_questions import Questions, index_questions, similar_questions
from stages.similarity.ngrams import BLOCK, words

SCHEMA = {"row": pl.UInt32, "rule": pl.String, "where": pl.String, "test_id": pl.String, "matched": pl.String}


def leaks(chunks: Iterable[pl.DataFrame], test: pl.DataFrame, ngram: int, similar: float) -> pl.DataFrame:
    """Chunks of (row, question, target) and the test split (id, question, solution) -> SCHEMA, in the order of the
    rows.

    `matched` is the test question that is the same or similar, or the words of the run in common. Of several test rows
    the most similar counts, and then the first.
    """
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        runs, questions = index_runs(test, ngram), index_questions(test, similar, pool)
        exact = index_texts(test["question"], 1), index_texts(test["solution"], ngram)
        found = [pl.DataFrame(schema=SCHEMA)]

        def leaks_of_part(part: pl.DataFrame) -> pl.DataFrame:
            return leaks_of(part, test["id"], exact, runs, questions, ngram, similar)

        for chunk in chunks:
            found += pool.map(leaks_of_part, [chunk.slice(start, BLOCK) for start in range(0, len(chunk), BLOCK)])
    return pl.concat(found)


def leaks_of(
    part: pl.DataFrame,
    ids: pl.Series,
    exact: tuple[pl.DataFrame, pl.DataFrame],
    runs: Runs,
    questions: Questions,
    ngram: int,
    similar: float,
) -> pl.DataFrame:
    question, target = part.select(words(pl.col("question", "target")))
    found = [
        ("exact", "question", same(question, exact[0], 1)),
        ("exact", "target", same(target, exact[1], ngram)),
        ("ngram", "question", common_runs(question, runs, ngram)),
        ("ngram", "target", common_runs(target, runs, ngram)),
        ("similar", "question", similar_questions(part["question"], question, questions, similar)),
    ]
    every = pl.concat(rows.with_columns(rule=pl.lit(rule), where=pl.lit(where)) for rule, where, rows in found)
    first = every.unique("at", keep="first", maintain_order=True).sort("at")
    return first.select(
        part["row"].gather(first["at"]), "rule", "where", ids.gather(first["test"]).alias("test_id"), "matched"
    )


def index_texts(texts: pl.Series, at_least: int) -> pl.DataFrame:
    """The first text with each row of words, for texts of `at_least` words."""
    tokens = pl.select(words(pl.lit(texts))).to_series()
    rows = pl.DataFrame({"joined": joined(tokens, at_least), "matched": texts}).with_row_index("test")
    return rows.drop_nulls("joined").unique("joined", keep="first", maintain_order=True)


def same(ours: pl.Series, theirs: pl.DataFrame, at_least: int) -> pl.DataFrame:
    rows = pl.DataFrame({"joined": joined(ours, at_least)}).with_row_index("at")
    return rows.join(theirs, on="joined", maintain_order="left").select("at", "test", "matched")


def joined(words: pl.Series, at_least: int) -> pl.Series:
    """Null, which joins nothing, below `at_least` words."""
    return pl.select(pl.when(words.list.len() >= at_least).then(words.list.join(" "))).to_series()
