"""What the text of each target and its rivals tell, without a model: `steps`, `repetition` and `vote_entropy`.

`steps` is the number of steps of the reasoning: the sentences and lines of the target before its answer, 0 where the
target is the answer alone. `repetition` is the share of the target's 4-grams that have come before (degeneration:
arXiv 2408.16241). `vote_entropy` is that of the answers of all readable replies to the prompt, in nats: 0 where all
agree, null where answers do not compare.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from stages.rows.parquet import batches, read_rows
from stages.rows.row import KEY, SCORE
from stages.score.column import write, write_off
from stages.score.params import Section, load
from stages.score.rows import PATH
from stages.similarity.ngrams import repeated_share, words

NAMES = ("steps", "repetition", "vote_entropy")
NGRAM = 4  # words, as the filter's rule `degenerate` counts them
NUMBERING = r"(?m)^\s*(?:\d+[.)]|[-*•])\s+"  # of a list's lines: the points in it end no sentence
# a point within a number has no space behind it, the last one of a text neither; one of an abbreviation may have
STEP_ENDS = r"[.!?][\"')\]*]*\s+|\s*\n\s*"


class Settings(Section):
    measure: bool


def main() -> None:
    if load("shape", Settings).measure:
        write("shape", NAMES, measured(PATH), {})
    else:
        write_off("shape", NAMES)


def measured(path: Path) -> Iterator[pl.DataFrame]:
    """The numbers of the rows that pass, 4 decimals, a row group at a time."""
    entropies = vote_entropy(read_rows(path, ("id", "agreement")))
    start = 0
    for batch in batches(path, (*KEY, "target", "short", "reason")):
        votes = entropies.slice(start, len(batch))
        start += len(batch)
        passed = batch.with_columns(vote_entropy=votes).filter(pl.col("reason").is_null())
        numbers = passed.select(
            *KEY,
            steps=steps(),
            repetition=pl.Series(repeated_share(passed.select(words(pl.col("target"))).to_series(), NGRAM)),
            vote_entropy="vote_entropy",
        )
        yield numbers.select(*KEY, *(pl.col(name).cast(pl.Float64).round(4).name.prefix(SCORE) for name in NAMES))


def vote_entropy(rows: pl.DataFrame) -> pl.Series:
    """Of each row its prompt's: the mean of -ln(share of the votes) over the replies that vote, of which a row's
    `agreement` is the share."""
    return rows.select((-pl.col("agreement").log()).mean().over("id")).to_series() + 0.0  # -0.0 is 0.0


def steps() -> pl.Expr:
    """`short` is the target without its reasoning, null where it has none: what the target ends in, or JSON."""
    is_json = pl.col("short").str.starts_with("{")
    written = pl.col("target").str.strip_suffix(pl.col("short"))
    reasoning = pl.when(is_json).then(pl.col("target").str.json_path_match("$.reasoning")).otherwise(written)
    text = reasoning.str.replace_all(NUMBERING, "").str.strip_chars()
    return pl.when(text.str.len_bytes() > 0).then(text.str.count_matches(STEP_ENDS) + 1).otherwise(0)


if __name__ == "__main__":
    main()
