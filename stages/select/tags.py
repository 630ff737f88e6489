"""Rows that are learnt for what they are: gold ones, and bad ones behind a mark, so that without it, as the student is
served, it replies as the good ones do (conditional training: Korbak et al., arXiv 2302.08582)."""

import polars as pl

from stages.select.params import Select
from stages.select.sql import holds
from stages.select.unsure import GOLD, in_words

BAD = "bad"


def brought_back(rows: pl.DataFrame, select: Select) -> pl.DataFrame:
    """The train rows that the filter rejects as wrong and that are to be learnt as bad ones, but for those of the model
    whose replies are negatives, with personal data, or of a contaminated prompt; no rule of selection sees them."""
    is_wrong = (pl.col("reason") == "wrong") & ~pl.col("is_validation") & (pl.col("source") != select.negatives)
    # a row has the first reason alone, and these two come after "wrong"
    contaminated = rows.filter(pl.col("reason") == "contaminated")["id"]
    is_fit = pl.col("private").is_null() & ~pl.col("id").is_in(contaminated.implode())
    return rows.filter(is_wrong & is_fit & pl.lit(select.tag.wrong))


def with_tags(kept: pl.DataFrame, select: Select) -> pl.DataFrame:
    """With `tag`, and in `why` its grounds, where the filter has given none: "bad" where the condition holds or the
    filter says so, "gold" where the reference is learnt; never of a validation row."""
    is_bad = holds(select.tag.bad, "tag.bad", kept).fill_null(False) if select.tag.bad else pl.lit(False)
    tag = (
        pl.when(pl.col("is_validation"))
        .then(pl.lit(""))
        .when(is_bad | pl.col("reason").is_not_null())
        .then(pl.lit(BAD))
        .when("has_gold")
        .then(pl.lit(GOLD))
        .otherwise(pl.lit(""))
    )
    why = pl.when(tag == GOLD).then(in_words(select)) if select.unsure.confidence else pl.lit(None, pl.String)
    why = pl.when((tag == BAD) & pl.col("reason").is_null()).then(pl.lit(select.tag.bad)).otherwise(why)
    return kept.with_columns(tag=tag, why=why)


def with_before(messages: pl.Expr, before: pl.Expr) -> pl.Expr:
    """The messages with a text before what the last of them says."""
    last = messages.list.last()
    turn = pl.struct(role=last.struct.field("role"), content=before + last.struct.field("content"))
    return pl.concat_list(messages.list.head(messages.list.len() - 1), turn)


def marked(select: Select) -> pl.Expr:
    """The messages of a row to train on, those of a bad one behind the mark."""
    messages = pl.col("messages")
    return pl.when(pl.col("tag") == BAD).then(with_before(messages, pl.lit(select.tag.mark))).otherwise(messages)
