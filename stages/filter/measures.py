"""What is counted of every row of a batch, for the rules and for selection."""

import polars as pl

from stages.filter.ngrams import overlap, repeated_share, shared, words
from stages.filter.params import Params

REPEATED = 4  # words of the n-grams that should not come again and again
ECHOED = 3


def measure(batch: pl.DataFrame, params: Params) -> pl.DataFrame:
    """The batch, read, with `said` (what the reply says, without the wrapping of its format), `words` (of the target), `reasoning_words`,
    `longest_word` (characters), `repeated`, `echoed` (shares) and `leaked` (distinct n-grams)."""
    limits = params.filter.reply
    read = pl.concat_str([pl.col("reasoning").fill_null(""), pl.col("answer")], separator="\n")
    said = pl.when(pl.col("answer").is_not_null()).then(read).otherwise(pl.col("text"))
    batch = batch.with_columns(
        said=said,
        words=pl.col("target").str.count_matches(r"\S+"),
        reasoning_words=pl.col("reasoning").str.count_matches(r"\S+"),
        longest_word=pl.col("text").str.extract_all(r"[!-~]{20,}").list.eval(pl.element().str.len_chars()).list.max().fill_null(0),
    )
    spoken, asked = (batch.select(words(pl.col(column))).to_series() for column in ("said", "question"))
    told = batch.select(words(pl.col("instruction").fill_null(""))).to_series()
    return batch.with_columns(
        repeated=pl.Series(repeated_share(spoken, REPEATED)),
        echoed=pl.Series(overlap(asked, spoken, ECHOED)),
        leaked=pl.Series(shared(told, spoken, limits.leak_words) if limits.leak_words else [0] * len(batch), dtype=pl.Int64),
    )
