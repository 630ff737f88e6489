"""Where the teacher is unsure of its target, the data set's own answer is learnt, or nothing (after FerKD: Shen,
arXiv 2312.17473)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from stages.rows.parquet import batches
from stages.select.agreement import part
from stages.select.params import Params, Select
from stages.tasks.answers.table import TASKS

GOLD = "gold"
NO_GOLD = ", and the reference cannot be learnt"
READ = ("task", "reference", "choices", "solution")
CONFIDENCE = (-pl.col("s_nll_teacher")).exp()  # the geometric mean of the probabilities of the target's tokens


def with_has_gold(passed: pl.DataFrame, path: Path, params: Params) -> pl.DataFrame:
    """With `has_gold` for the train rows of which the teacher is unsure: whether their reference can be learnt; null
    for all others. `path` has the references."""
    asked = params.select.unsure
    if not asked.confidence:
        return passed.with_columns(has_gold=pl.lit(None, pl.Boolean))
    if "s_nll_teacher" not in passed.columns or 0 < len(passed) == passed["s_nll_teacher"].null_count():
        raise SystemExit(
            "params.yaml: select.unsure.confidence: got a threshold and no row with a nll_teacher, wanted whom to ask "
            "in score.likelihood.teacher"
        )
    unsure = passed.filter((asked.confidence > CONFIDENCE) & ~pl.col("is_validation"))["row"]
    found = [pl.DataFrame(schema={"row": pl.UInt32, "has_gold": pl.Boolean})]
    start = 0
    for batch in batches(path, READ):
        some = batch.with_row_index("row", start).filter(pl.col("row").is_in(unsure.implode()))
        has_gold = [target is not None for target, _ in gold_targets(some, params)]
        found.append(some.select("row", has_gold=pl.Series(has_gold, dtype=pl.Boolean)))
        start += len(batch)
    return passed.join(pl.concat(found), on="row", how="left", maintain_order="left")


def unsure(rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select) -> tuple[pl.DataFrame, pl.DataFrame]:
    if select.unsure.then == "drop":
        return part(rows, pl.col("has_gold").is_not_null(), in_words(select))
    is_again = pl.col("has_gold") & (pl.int_range(pl.len()).over("id", "has_gold") > 0)
    why = pl.when(is_again).then(pl.lit(", and the reference is learnt once")).otherwise(pl.lit(NO_GOLD))
    return part(rows, ~pl.col("has_gold") | is_again, pl.concat_str(in_words(select), why))


def in_words(select: Select) -> pl.Expr:
    return pl.format("the teacher's confidence is {}, wanted {}", CONFIDENCE.round(4), pl.lit(select.unsure.confidence))


def with_gold(rows: pl.DataFrame, params: Params) -> pl.DataFrame:
    """The rows that are tagged so with the reference as their target, in place of the reply."""
    is_gold = pl.col("tag") == GOLD
    some = rows.filter(is_gold)
    targets = pl.DataFrame(list(gold_targets(some, params)), {"target": pl.String, "short": pl.String}, orient="row")
    # `words` and `characters` as `filter` counts them
    learnt = some.with_columns(targets.get_columns()).with_columns(
        words=pl.col("target").str.count_matches(r"\S+").cast(pl.Int64),
        characters=pl.col("target").str.len_chars().cast(pl.Int64),
    )
    return pl.concat([rows.filter(~is_gold), learnt]).sort("row")


def gold_targets(rows: pl.DataFrame, params: Params) -> Iterator[tuple[str | None, str | None]]:
    """(target, the same without its reasoning where it has some) as `filter.labels: reference` words them; without a
    worked solution the answer alone, and nothing where the reference is no answer."""
    for row in rows.select(READ).iter_rows(named=True):
        yield gold_target(row, params)


def gold_target(row: dict[str, Any], params: Params) -> tuple[str | None, str | None]:
    task = TASKS[row["task"]]
    answer = task.normalise(row["reference"] or "", row["choices"] or [])
    if answer is None:
        return None, None
    short = task.write("", answer, params.answer_format)
    if not params.teaches_reasoning or task.is_right is None or not row["solution"]:
        return short, None
    return task.write(row["solution"], answer, params.answer_format), short
