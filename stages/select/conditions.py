"""Train rows that a condition speaks against, or the mean of their class. Validation rows all stay."""

from pathlib import Path

import polars as pl

from stages.select.agreement import part
from stages.select.params import Select
from stages.select.sql import evaluate, holds, named


def not_wanted(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    wanted = holds(select.where, "where", rows)
    values = {name: evaluate(name, "where", rows) for name in named(select.where)}
    told = [pl.concat_str(pl.lit(f"{name} is "), pl.lit(in_words(found))) for name, found in values.items()]
    words = pl.concat_str(*told, pl.lit(f"wanted {select.where}"), separator=", ")
    return part(rows, ~pl.lit(wanted) & ~pl.col("is_validation"), words)


def below_class(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """LLKD (Li et al., arXiv 2411.08028) with the teacher's confidence and the student's uncertainty."""
    asked = select.per_class
    train = rows.filter(~pl.col("is_validation"))
    classes = evaluate(asked.of, "per_class.of", train).cast(pl.String).fill_null("null")
    below = [
        below_mean(train, sql.strip(), evaluate(sql.strip(), "per_class.numbers", train), classes)
        for sql in asked.numbers.split(";")
    ]
    lost = pl.concat(below).unique("row", keep="first", maintain_order=True).sort("row")
    return rows.join(lost, on="row", how="anti", maintain_order="left"), lost.with_columns(evidence=pl.lit(""))


def below_mean(rows: pl.DataFrame, sql: str, numbers: pl.Series, classes: pl.Series) -> pl.DataFrame:
    """row, detail: of the rows below the mean of their class, by more than a rounding of the mean."""
    if not (numbers.dtype.is_numeric() or numbers.dtype.is_(pl.Boolean)):
        raise SystemExit(
            f"params.yaml: select.per_class.numbers: got {sql!r}, which gives {numbers.dtype}, wanted numbers"
        )
    told = rows.select("row", number=numbers.cast(pl.Float64), of=classes)
    told = told.with_columns(mean=pl.col("number").mean().over("of"))
    is_below = pl.col("number") < pl.col("mean") - 1e-12 * pl.col("mean").abs()
    value, mean = (pl.lit(in_words(told[name])) for name in ("number", "mean"))
    words = pl.format("{} is {}, the mean of {} is {}", pl.lit(sql), value, "of", mean)
    return told.with_columns(detail=words).filter(is_below).select("row", "detail")


def in_words(values: pl.Series) -> pl.Series:
    """As text, numbers to 4 decimals."""
    return (values.round(4) if values.dtype.is_float() else values).cast(pl.String).fill_null("null")
