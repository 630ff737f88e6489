"""What the replies to one prompt agree on, where no reference tells (self-consistency: Wang et al., arXiv 2203.11171)."""

import polars as pl

from stages.filter.params import Agreement


def votes(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with `votes`, the readable replies to their prompt; `agreement`, the share of them that give the row's answer;
    and `majority`, the answer that most give, of equals the first. Null where answers cannot be compared."""
    counts = rows.filter(pl.col("vote").is_not_null()).group_by("id", "vote", maintain_order=True).agg(times=pl.len(), first=pl.col("row").min())
    best = counts.sort("id", pl.col("times"), "first", descending=[False, True, False]).group_by("id", maintain_order=True)
    majority = best.agg(majority=pl.col("vote").first(), votes=pl.col("times").sum())
    counted = rows.join(counts.select("id", "vote", "times"), on=["id", "vote"], how="left", maintain_order="left")
    counted = counted.join(majority, on="id", how="left", maintain_order="left")
    return counted.with_columns(agreement=pl.col("times") / pl.col("votes")).drop("times")


def disagreeing(rows: pl.DataFrame, asked: Agreement) -> pl.DataFrame:
    """The rows to reject: against the majority, with too few votes of their own, or graded too low by the judge."""
    if asked.min_judge and len(rows) and rows["judge"].null_count() == len(rows):
        raise SystemExit("params.yaml: filter.agreement.min_judge: got a threshold and no row with a grade, wanted whom to ask for it in score.judge")
    against = pl.col("vote") != pl.col("majority")
    few = pl.col("agreement") < asked.min_share
    low = pl.col("judge") < asked.min_judge
    share = pl.format("{} of {} replies", (pl.col("agreement") * pl.col("votes")).round().cast(pl.Int64), "votes")
    return rows.select(
        "row",
        reason=pl.coalesce(
            pl.when(against & asked.majority).then(pl.lit("minority")), pl.when(few).then(pl.lit("disagreement")), pl.when(low).then(pl.lit("judged_low"))
        ),
        detail=pl.coalesce(
            pl.when(against & asked.majority).then(pl.format("got {}, {} say so; most say {}", "vote", share, "majority")),
            pl.when(few).then(pl.format("{} give {}, wanted a share of {}", share, "vote", pl.lit(asked.min_share))),
            pl.when(low).then(pl.format("the judge gives {}, wanted {}", "judge", pl.lit(asked.min_judge))),
        ),
    ).filter(pl.col("reason").is_not_null())
