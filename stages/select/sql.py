"""What people write in SQL about rows: an order, a domain, a condition."""

import polars as pl

from stages.rows.row import SCORE

SAME = ("id", "task", "source", "sample", "words", "characters", "votes", "agreement", "cluster", "random")
# what an expression may name beside the numbers of `score` -> the column of a row
NAMES = {name: name for name in SAME} | {"answer": "vote", "tokens": "completion_tokens"}


def evaluate(sql: str, setting: str, rows: pl.DataFrame) -> pl.Series:
    """What the expression gives for each of the rows, null where it is no number, such as ln(-1). `setting` is where it
    stands below `select`."""
    scores = {column.removeprefix(SCORE): column for column in rows.columns if column.startswith(SCORE)}
    names = NAMES | scores
    try:
        found = rows.select(**names).with_columns(pl.sql_expr(sql).alias(f"the {setting}"))[f"the {setting}"]
        unasked = [name for name in named(sql) if name in scores and 0 < len(rows) == rows[scores[name]].null_count()]
    except (pl.exceptions.PolarsError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(
            f"params.yaml: select.{setting}: got {sql!r}, wanted a SQL expression over {', '.join(names)} ({reason})"
        ) from None
    if unasked:
        raise SystemExit(
            f"params.yaml: select.{setting}: got {sql!r} and no row with a {unasked[0]}, wanted its column switched on "
            f"in `score`"
        )
    return found.fill_nan(None) if found.dtype.is_float() else found


def holds(sql: str, setting: str, rows: pl.DataFrame) -> pl.Series:
    """Whether the condition holds for each of the rows, null where it cannot be told."""
    found = evaluate(sql, setting, rows)
    if not (found.dtype == pl.Boolean or found.dtype.is_(pl.Null)):
        raise SystemExit(
            f"params.yaml: select.{setting}: got {sql!r}, which gives {found.dtype}, wanted a condition, such as "
            f"'words < 100'"
        )
    return found.cast(pl.Boolean)


def named(sql: str) -> list[str]:
    """The columns that the expression names, in their order, each once."""
    return list(dict.fromkeys(pl.sql_expr(sql).meta.root_names()))
