"""Rows that the other replies to their prompt, or a judge, speak against."""

from pathlib import Path

import polars as pl

from stages.select.params import Select

SHARE = pl.format("{} of {} replies", (pl.col("agreement") * pl.col("votes")).round().cast(pl.Int64), "votes")


def minority(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, _select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    words = pl.format("got {}, {} say so; most say {}", "vote", SHARE, "majority")
    return part(rows, pl.col("vote") != pl.col("majority"), words)


def disagreement(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    words = pl.format("{} give {}, wanted a share of {}", SHARE, "vote", pl.lit(select.min_share))
    return part(rows, pl.col("agreement") < select.min_share, words)


def judged_low(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    if len(rows) and rows["s_judge"].null_count() == len(rows):
        raise SystemExit(
            "params.yaml: select.min_grade: got a threshold and no row with a grade, wanted whom to ask for it in "
            "score.judge.by"
        )
    words = pl.format("the judge gives {}, wanted {}", "s_judge", pl.lit(select.min_grade))
    return part(rows, pl.col("s_judge") < select.min_grade, words)


def part(rows: pl.DataFrame, is_lost: pl.Expr, words: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(those that stay, those for which `is_lost` is true: a null speaks against nothing)."""
    lost = rows.with_columns(detail=words, evidence=pl.lit("")).filter(is_lost).select("row", "detail", "evidence")
    return rows.join(lost, on="row", how="anti", maintain_order="left"), lost
