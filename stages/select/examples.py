"""The lines that are learnt, in TRL's conversational form."""

from typing import BinaryIO

import polars as pl

from stages.select.params import Select
from stages.select.tags import marked, with_before

EXPLAIN = "Explain: "  # before the question, where the reasoning is learnt apart


def write_examples(rows: pl.DataFrame, select: Select, file: BinaryIO, is_validation: bool = False) -> None:
    """What is served is learnt: the plain prompt and its target. With a share for explaining (Distilling Step-by-Step,
    arXiv 2305.02301), the plain prompt and the short answer, then the prompt to explain and the whole target."""
    weight = rows["weight"] if is_weighed(select) and not is_validation else None
    rows = rows.with_columns(messages=marked(select))
    if not select.rationale:
        write_lines(rows, "target", weight, file)
        return
    short = rows.with_columns(target=pl.coalesce("short", "target"))
    if is_validation:
        write_lines(short, "target", None, file)
        return
    reasoned = rows.filter(pl.col("short").is_not_null()).with_columns(
        messages=with_before(pl.col("messages"), pl.lit(EXPLAIN))
    )
    write_lines(short, "target", rows["weight"] * (1 - select.rationale), file)
    write_lines(reasoned, "target", reasoned["weight"] * select.rationale, file)


def is_weighed(select: Select) -> bool:
    """Whether rows to train on count for more than others."""
    return select.weigh == "prompts" or select.sources.use == "weighted" or select.rationale > 0


def write_negatives(rows: pl.DataFrame, select: Select, file: BinaryIO) -> int:
    """Of the rows to train on those that have one. Returns how many."""
    some = rows.filter(pl.col("negative").is_not_null())
    weighed = select.weigh == "prompts" or select.sources.use == "weighted"
    write_lines(some, "negative", some["weight"] if weighed else None, file)
    return len(some)


def write_lines(rows: pl.DataFrame, learnt: str, weight: pl.Series | None, file: BinaryIO) -> None:
    """A line has a weight only where a rule sets some."""
    completion = pl.concat_list(pl.struct(role=pl.lit("assistant"), content=learnt))
    weights = [] if weight is None else [weight.alias("weight")]
    rows.select("id", "style", "sample", *weights, prompt="messages", completion=completion).write_ndjson(file)
