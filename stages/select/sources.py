"""Whose replies are learnt where several models were asked: their shares of right replies decide.

After the choice of source models by how well they fit a task (Borup et al., arXiv 2304.12314).
"""

from pathlib import Path

import polars as pl

from stages.select.params import Select


def with_right_share(rows: pl.DataFrame) -> pl.DataFrame:
    """With `right_share`: of all the replies of the row's source to train prompts, sound or not, the share that is
    right; null where none is right or wrong."""
    train = rows.filter(~pl.col("is_validation")).group_by("source", maintain_order=True)
    is_right = pl.when(pl.col("is_right").is_not_null().any()).then(pl.col("is_right").fill_null(False).mean())
    return rows.join(train.agg(right_share=is_right), on="source", how="left", maintain_order="left")


def other_source(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Train rows of all sources but the best one, of equals the first. Validation rows all stay."""
    train = rows.filter(~pl.col("is_validation"))
    check(train)
    best = train.sort("right_share", descending=True, nulls_last=True, maintain_order=True).head(1)
    is_lost = ~pl.col("is_validation") & ~pl.col("source").is_in(best["source"].implode())
    percent = (100 * pl.col("right_share").fill_null(0.0)).round(1)
    words = pl.format(
        "{} is right in {} % of its replies, {} in {} %",
        *("source", percent, pl.lit(best["source"]).first(), pl.lit(best.select(percent).to_series()).first()),
    )
    lost = rows.filter(is_lost).select("row", detail=words, evidence=pl.lit(""))
    return rows.join(lost, on="row", how="anti", maintain_order="left"), lost


def to_weights(kept: pl.DataFrame, select: Select) -> pl.DataFrame:
    """row, weight: of the rows that stay. Where prompts count alike, the rows of one share a weight of 1; where sources
    are weighted, theirs are right_share ** power over its mean in the rows to train on."""
    share = pl.lit(1.0) if select.weigh == "rows" else 1 / pl.len().over("id")
    if select.sources.use != "weighted":
        return kept.select("row", weight=share)
    train = kept.filter(~pl.col("is_validation"))
    check(train)
    power = pl.col("right_share") ** select.sources.power
    mean = train.select(power.mean()).item() if len(train) else 1.0
    return kept.select("row", weight=share * power.fill_null(0.0) / mean)


def check(train: pl.DataFrame) -> None:
    if len(train) and not (train["right_share"].fill_null(0.0) > 0).any():
        raise SystemExit(
            f"params.yaml: select.sources.use: got no reply to a {train['task'][0]} prompt that is right, wanted some "
            f"to compare {', '.join(train['source'].unique().sort())} by; set it to all"
        )
