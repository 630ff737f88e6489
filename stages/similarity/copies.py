"""What becomes of rows that are copies of each other: the first of a cluster stays, the others name it."""

import polars as pl


def reject_copies(rows: pl.DataFrame, copies: pl.DataFrame, how: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(the rows that stay, each with the size of its `cluster`; the rejected ones with detail and evidence).

    `copies` has `position` and `of`, which count in `rows`, and their `similarity`, which a "{}" in `how` stands for.
    """
    numbered = rows.with_row_index("position")
    first = numbered.select(of="position", first_id="id", first_sample="sample")
    similarity = [pl.col("similarity").round(2)] if "{}" in how else []
    words = pl.format(f"of {{}} sample {{}} ({how})", "first_id", "first_sample", *similarity)
    lost = copies.join(numbered, on="position").join(first, on="of").sort("position")
    sizes = lost.group_by("of").agg(more=pl.col("cluster").sum()).select(position="of", more="more")
    grown = numbered.join(sizes, on="position", how="left", maintain_order="left").select(
        "row", cluster=pl.col("cluster") + pl.col("more").fill_null(0)
    )
    rejected = lost.select("row", detail=words, evidence=pl.col("first_id"))
    kept = rows.join(rejected, on="row", how="anti", maintain_order="left").drop("cluster")
    return kept.join(grown, on="row", how="left", maintain_order="left"), rejected
