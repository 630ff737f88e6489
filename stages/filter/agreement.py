"""What the replies to one prompt agree on (self-consistency: Wang et al., arXiv 2203.11171)."""

import polars as pl


def votes(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with `votes`, the readable replies to their prompt; `agreement`, the share of them that give the row's
    answer; and `majority`, the answer that most give, of equals the first. Null where answers cannot be compared."""
    voting = rows.filter(pl.col("vote").is_not_null())
    counts = voting.group_by("id", "vote", maintain_order=True).agg(times=pl.len(), first=pl.col("row").min())
    best = counts.sort("id", pl.col("times"), "first", descending=[False, True, False]).group_by(
        "id", maintain_order=True
    )
    majority = best.agg(majority=pl.col("vote").first(), votes=pl.col("times").sum())
    counted = rows.join(counts.select("id", "vote", "times"), on=["id", "vote"], how="left", maintain_order="left")
    counted = counted.join(majority, on="id", how="left", maintain_order="left")
    return counted.with_columns(agreement=pl.col("times") / pl.col("votes")).drop("times")
