"""Which of the sound replies to one prompt are learnt (rejection sampling: Yuan et al., arXiv 2308.01825)."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from stages.select.params import BestOfN, Select
from stages.similarity.near_duplicates import near_within

PROMPTS_AT_ONCE = 20_000
NONE = pl.DataFrame(schema={"row": pl.UInt32, "detail": pl.String})
Texts = Callable[[pl.DataFrame], pl.Series]


def not_chosen(
    rows: pl.DataFrame, texts: Texts, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """first: the first reply; shortest: the one of fewest characters; diverse: the first, then each that is unlike all
    before, up to `most`."""
    asked = select.best_of_n
    lost = alike(rows, texts, asked) if asked.which == "diverse" else all_but_one(rows, asked)
    return rows.join(lost, on="row", how="anti", maintain_order="left"), lost.with_columns(evidence=pl.lit(""))


def all_but_one(rows: pl.DataFrame, asked: BestOfN) -> pl.DataFrame:
    order = ["id", "characters", "row"] if asked.which == "shortest" else ["id", "row"]
    groups = rows.sort(order).group_by("id", maintain_order=True)
    best = groups.agg(best=pl.col("row").first(), best_sample=pl.col("sample").first())
    joined = rows.join(best, on="id", how="left", maintain_order="left").filter(pl.col("row") != pl.col("best"))
    return joined.select("row", detail=pl.format("sample {} is the {} good reply", "best_sample", pl.lit(asked.which)))


def alike(rows: pl.DataFrame, texts: Texts, asked: BestOfN) -> pl.DataFrame:
    several = rows.filter(pl.len().over("id") > 1).sort("row").with_columns(group=pl.col("id").rank("dense"))
    found = [NONE]
    for start in range(0, int(several["group"].n_unique()), PROMPTS_AT_ONCE):
        within = pl.col("group").rank("dense").is_between(start + 1, start + PROMPTS_AT_ONCE)
        block = several.filter(within).with_row_index("position")
        near = near_within(texts(block), block["group"].to_numpy(), asked.ngram, asked.similar, asked.window)
        like = block.join(near, on="position").join(block.select(of="position", of_sample="sample"), on="of")
        words = pl.format("like sample {} (Jaccard {})", "of_sample", pl.col("similarity").round(2))
        found.append(like.select("row", detail=words))
        unlike = block.join(near, on="position", how="anti").with_columns(rank=pl.col("row").rank("ordinal").over("id"))
        words = pl.format("good reply {} of at most {}", "rank", pl.lit(asked.most))
        found.append(unlike.filter(pl.col("rank") > asked.most).select("row", detail=words))
    return pl.concat(found).sort("row")
