"""A budget of train rows, spent by a rule over their scores."""

from pathlib import Path

import polars as pl

from stages.rows.row import SCORE
from stages.select.params import Budget, Select

# what `order` and `domain` may name beside the numbers of `score` -> the column of a row
NAMES = {
    **{
        name: name
        for name in ("id", "task", "sample", "words", "characters", "votes", "agreement", "cluster", "random")
    },
    **{"answer": "vote", "tokens": "completion_tokens"},
}


def not_selected(
    rows: pl.DataFrame, _texts: object, _embeddings: Path, select: Select
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Validation rows all stay: losses of two experiments compare on the same rows only."""
    lost = beyond(rows.filter(~pl.col("is_validation")), select.budget)
    return rows.join(lost, on="row", how="anti", maintain_order="left"), lost.with_columns(evidence=pl.lit(""))


def beyond(rows: pl.DataFrame, asked: Budget) -> pl.DataFrame:
    """The rows to reject beyond the budget: those with the lowest `order`, and of equals the later.

    A domain with a quota gets its share of the budget, as far as it has rows; the others get what is left.
    """
    scored = rows.select(
        "row", order=evaluate(asked.order, "order", rows), domain=evaluate(asked.domain, "domain", rows).cast(pl.String)
    )
    ranked = scored.sort("order", "row", descending=[True, False], nulls_last=True).with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("domain")
    )
    unknown = set(asked.quotas) - set(ranked["domain"].unique())
    if unknown:
        known = ", ".join(map(str, ranked["domain"].unique().sort()[:20]))
        raise SystemExit(
            f"params.yaml: select.budget.quotas: got the domain {sorted(unknown)[0]!r}, wanted one that "
            f"select.budget.domain gives: {known}"
        )
    sizes = [int(share * asked.rows + 1e-9) for share in asked.quotas.values()]
    caps = pl.DataFrame({"domain": list(asked.quotas), "cap": sizes}, schema={"domain": pl.String, "cap": pl.Int64})
    ranked = ranked.join(caps, on="domain", how="left", maintain_order="left")
    with_quota = ranked.filter(pl.col("rank") <= pl.col("cap"))
    left = asked.rows - len(with_quota)
    rest = ranked.filter(pl.col("cap").is_null()).head(max(left, 0))
    lost = ranked.join(pl.concat([with_quota, rest]).select("row"), on="row", how="anti", maintain_order="left")
    words = pl.format(
        "{} is {}, not among the best {}",
        pl.lit(asked.order),
        pl.col("order").cast(pl.String).fill_null("null"),
        pl.lit(asked.rows),
    )
    return lost.select("row", detail=words).sort("row")


def evaluate(sql: str, name: str, rows: pl.DataFrame) -> pl.Series:
    """What the SQL expression gives for each of the rows."""
    scores = {column.removeprefix(SCORE): column for column in rows.columns if column.startswith(SCORE)}
    names = NAMES | scores
    try:
        found = rows.select(**names).with_columns(pl.sql_expr(sql).alias(f"the {name}"))[f"the {name}"]
        unasked = [
            score
            for score in pl.sql_expr(sql).meta.root_names()
            if score in scores and 0 < len(rows) == rows[scores[score]].null_count()
        ]
    except (pl.exceptions.PolarsError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(
            f"params.yaml: select.budget.{name}: got {sql!r}, wanted a SQL expression over {', '.join(names)} "
            f"({reason})"
        ) from None
    if unasked:
        raise SystemExit(
            f"params.yaml: select.budget.{name}: got {sql!r} and no row with a {unasked[0]}, wanted its column "
            f"switched on in `score`"
        )
    return found
