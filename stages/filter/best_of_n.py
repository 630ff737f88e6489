"""Which of the good replies to one prompt are learnt (rejection sampling: Yuan et al., arXiv 2308.01825)."""

from collections.abc import Callable

import polars as pl

from stages.filter.near_duplicates import near_within
from stages.filter.params import Params

PROMPTS_AT_ONCE = 20_000


def passed_over(rows: pl.DataFrame, texts: Callable[[pl.DataFrame], pl.Series], params: Params) -> pl.DataFrame:
    """The rows to reject. `texts` fetches the targets of rows.

    first: the first reply; shortest: the one of fewest characters; diverse: the first, then each that is unlike all before, up to
    `most`.
    """
    asked = params.filter.choose
    if asked.which == "diverse":
        return alike(rows, texts, params)
    order = ["id", "characters", "row"] if asked.which == "shortest" else ["id", "row"]
    best = rows.sort(order).group_by("id", maintain_order=True).agg(best=pl.col("row").first(), best_sample=pl.col("sample").first())
    joined = rows.join(best, on="id", how="left", maintain_order="left").filter(pl.col("row") != pl.col("best"))
    return joined.select("row", reason=pl.lit("not_chosen"), detail=pl.format("sample {} is the {} good reply", "best_sample", pl.lit(asked.which)))


def alike(rows: pl.DataFrame, texts: Callable[[pl.DataFrame], pl.Series], params: Params) -> pl.DataFrame:
    asked, window = params.filter.choose, params.filter.duplicates.window
    several = rows.filter(pl.len().over("id") > 1).sort("row").with_columns(group=pl.col("id").rank("dense"))
    found = []
    for start in range(0, int(several["group"].n_unique()), PROMPTS_AT_ONCE):
        block = several.filter(pl.col("group").rank("dense").is_between(start + 1, start + PROMPTS_AT_ONCE)).with_row_index("position")
        near = near_within(texts(block), block["group"].to_numpy(), params.filter.duplicates.ngram, asked.similar, window)
        like = block.join(near, on="position").join(block.select(of="position", of_sample="sample"), on="of")
        found.append(like.select("row", detail=pl.format("like sample {} (Jaccard {})", "of_sample", pl.col("similarity").round(2))))
        unlike = block.join(near, on="position", how="anti").with_columns(rank=pl.col("row").rank("ordinal").over("id"))
        found.append(unlike.filter(pl.col("rank") > asked.most).select("row", detail=pl.format("good reply {} of at most {}", "rank", pl.lit(asked.most))))
    none = pl.DataFrame(schema={"row": pl.UInt32, "detail": pl.String})
    return pl.concat([none, *found]).sort("row").select("row", pl.lit("not_chosen").alias("reason"), "detail")
