"""Replies that are not to be learnt, beside the rows that are: a wrong one to the same prompt, or another model's."""

from pathlib import Path

import polars as pl

from stages.rows.parquet import batches
from stages.rows.row import COLUMNS
from stages.select.params import Select
from stages.select.tags import BAD

NONE, WRONG = "none", "wrong"


def only_negative(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of the model whose replies are the negatives."""
    sources = rows["source"].unique().sort().to_list()
    if select.negatives not in sources:
        raise SystemExit(
            f"params.yaml: select.negatives: got {select.negatives!r}, wanted none, wrong, or one of those who were "
            f"asked: {', '.join(sources)}; name it in generate.ask"
        )
    lost = rows.filter(pl.col("source") == select.negatives).select(
        "row", detail=pl.format("a reply of {}", "source"), evidence=pl.lit("")
    )
    return rows.join(lost, on="row", how="anti", maintain_order="left"), lost


def of_prompts(path: Path, wanted: str) -> pl.DataFrame:
    """id, negative: of each prompt the first such reply, in the form of a target where it could be read."""
    is_one = pl.col("reason") == "wrong" if wanted == WRONG else pl.col("source") == wanted
    text = pl.coalesce("target", "text")
    found = [pl.DataFrame(schema={"id": pl.String, "negative": COLUMNS["negative"].type})]
    if wanted != NONE:
        for batch in batches(path, ("id", "source", "target", "text", "reason")):
            found.append(batch.filter(is_one & (text != "")).select("id", negative=text))
    return pl.concat(found).unique("id", keep="first", maintain_order=True)


def with_negatives(rows: pl.DataFrame, wrong: pl.DataFrame) -> pl.DataFrame:
    """With `negative` for each row to train on whose prompt has one that is not the same reply; a bad row has none."""
    joined = rows.join(wrong, on="id", how="left", maintain_order="left")
    is_learnt = pl.col("reason").is_null() & ~pl.col("is_validation") & (pl.col("tag") != BAD)
    return joined.with_columns(negative=pl.when(is_learnt & (pl.col("negative") != pl.col("target"))).then("negative"))
