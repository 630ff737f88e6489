"""What is counted of every row of a batch, for the rules and for selection."""

import polars as pl

from stages.filter.language import UNKNOWN, languages
from stages.filter.params import Params
from stages.similarity.ngrams import overlap, repeated_share, shared, words

REPEATED = 4  # words of the n-grams that should not come again and again
LONG = 40  # words of a text in which repetition means something: a short table or matrix repeats itself too
ECHOED = 3
SAYS_SOMETHING = 10  # words of a reply that may be an echo

WORD = r"[\p{L}\p{N}.,]{20,}"  # rules of tables and long paths are none


def measure(batch: pl.DataFrame, params: Params) -> pl.DataFrame:
    """The batch, read, with `said` (what the reply says, without the wrapping of its format), `words` (of the target),
    `reasoning_words`,
    `longest_word` (characters), `repeated`, `echoed` (shares), `leaked` (distinct n-grams), `reply_language` and
    `question_language`."""
    limits = params.filter.reply
    read = pl.concat_str([pl.col("reasoning").fill_null(""), pl.col("answer")], separator="\n")
    said = pl.when(pl.col("answer").is_not_null()).then(read).otherwise(pl.col("text"))
    batch = batch.with_columns(
        said=said,
        words=pl.col("target").str.count_matches(r"\S+"),
        reasoning_words=pl.col("reasoning").str.count_matches(r"\S+"),
        longest_word=pl.col("text")
        .str.extract_all(WORD)
        .list.eval(pl.element().str.len_chars())
        .list.max()
        .fill_null(0),
    )
    spoken, asked = (batch.select(words(pl.col(column))).to_series() for column in ("said", "question"))
    num_words = pl.Series(spoken.list.len())
    told = batch.select(words(pl.col("instruction").fill_null(""))).to_series()
    spoken_in, asked_in = of_reply_and_question(batch) if limits.language else (pl.lit(UNKNOWN), pl.lit(UNKNOWN))
    return batch.with_columns(
        reply_language=spoken_in,
        question_language=asked_in,
        repeated=pl.when(num_words >= LONG).then(pl.Series(repeated_share(spoken, REPEATED))).otherwise(0.0),
        echoed=pl.when(num_words >= SAYS_SOMETHING).then(pl.Series(overlap(asked, spoken, ECHOED))).otherwise(0.0),
        leaked=pl.when(~pl.col("is_free"))
        .then(pl.Series(shared(told, spoken, limits.leak_words) if limits.leak_words else [0] * len(batch)))
        .otherwise(0),
    )


def of_reply_and_question(batch: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Their languages. A question's is looked for once, however many replies it has."""
    prose = pl.coalesce("reasoning", "said")  # an answer such as "contradiction" is English in any language
    replies = languages(
        batch.select(pl.when(~pl.col("is_free") & (pl.col("finish_reason") == "stop")).then(prose)).to_series()
    )
    questions = batch.select("question").unique(maintain_order=True)
    found = questions.with_columns(found=languages(questions["question"]))
    return replies, batch.join(found, on="question", how="left", maintain_order="left")["found"]
