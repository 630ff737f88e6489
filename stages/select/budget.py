"""A budget of train rows, spent by a rule over their scores."""

import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from stages.select.params import Budget, Select
from stages.select.split import allot, domains, to_shares
from stages.select.sql import evaluate


def not_selected(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Validation rows all stay: losses of two experiments compare on the same rows only."""
    lost = beyond(rows.filter(~pl.col("is_validation")), select.budget, to_shares(rows, select.budget))
    return rows.join(lost, on="row", how="anti", maintain_order="left"), lost.with_columns(evidence=pl.lit(""))


def beyond(rows: pl.DataFrame, asked: Budget, shares: Mapping[str, float]) -> pl.DataFrame:
    """The rows to reject beyond the budget: of each domain those with the lowest `order`, and of equals the later.

    The domains without a share are one, which gets what is left.
    """
    total = asked.rows or int(asked.share * len(rows) + 1e-9)
    if total > len(rows):
        print(f"select: budget.rows is {total:,}, and {len(rows):,} train rows are left: all stay", file=sys.stderr)
    scored = rows.select(
        "row", "random", order=evaluate(asked.order, "budget.order", rows), domain=domains(rows, asked.domain)
    )
    unknown = set(shares) - set(scored["domain"])
    if unknown:
        known = ", ".join(scored["domain"].unique().sort()[:20])
        raise SystemExit(
            f"params.yaml: select.budget.quotas: got the domain {sorted(unknown)[0]!r}, wanted one that "
            f"select.budget.domain gives: {known}"
        )
    pooled = scored.with_columns(
        pool=pl.when(pl.col("domain").is_in(list(shares))).then("domain"),
        key=drawn(scored, asked) if asked.draw == "weighted" else pl.col("order"),
    )
    ranked = pooled.sort("key", "row", descending=[True, False], nulls_last=True).with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("pool")
    )
    sizes: dict[str | None, int] = dict(ranked["pool"].value_counts().iter_rows())
    counts = allot(total, {**shares, None: max(1 - sum(shares.values()), 0.0)}, sizes)
    caps = pl.DataFrame({"pool": list(counts), "cap": list(counts.values())}, {"pool": pl.String, "cap": pl.Int64})
    capped = ranked.join(caps, on="pool", how="left", maintain_order="left", nulls_equal=True).with_columns(
        pl.col("cap").fill_null(0)
    )
    of = pl.format(" of {}", pl.col("pool").fill_null("the others")) if shares else pl.lit("")
    words = pl.format(
        "{} is {}, not among the {} {}{}",
        pl.lit(asked.order),
        pl.col("order").cast(pl.String).fill_null("null"),
        pl.lit("drawn" if asked.draw == "weighted" else "best"),
        "cap",
        of,
    )
    return capped.filter(pl.col("rank") > pl.col("cap")).select("row", detail=words).sort("row")


def drawn(scored: pl.DataFrame, asked: Budget) -> pl.Expr:
    """Keys whose highest are a draw without replacement, each row in proportion to its `order`.

    ln(order) plus a Gumbel number of the row (the Gumbel top-k trick: Kool et al., arXiv 1903.06059).
    """
    lowest = scored["order"].min()
    if isinstance(lowest, int | float) and lowest < 0:
        raise SystemExit(
            f"params.yaml: select.budget.order: got {asked.order!r}, which is {lowest} for a row, wanted numbers of at "
            f"least 0 to draw by (select.budget.draw: weighted), such as exp({asked.order})"
        )
    return pl.col("order").log() - (-pl.col("random").log()).log()
