"""Faults of one row by itself: a function each, from parameters to an expression over the columns of a batch.

The columns are those of `batches`, `reading` and `measures`. An expression gives the fault in words, null for a good
row.
"""

import polars as pl

from stages.filter.params import Params
from stages.tasks.answers.refusal import PATTERN

# the marks of chat templates, and of a format that was asked for the JSON keys and fences
MARKS = r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>"
SCAFFOLDING = rf'{MARKS}|```|"(?:reasoning|answer|missing_entities|denser_summary)"\s*:'
NO_FAULT = pl.lit(None, pl.String)


def where(condition: pl.Expr, words: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(words)


def unanswered(params: Params) -> pl.Expr:
    return where(pl.col("finish_reason") == "unanswered", pl.col("error"))


def content_filter(params: Params) -> pl.Expr:
    return where(pl.col("finish_reason") == "content_filter", pl.lit("withheld by the endpoint"))


def cut_off(params: Params) -> pl.Expr:
    """A reply that was cut off may name an answer that it was about to drop, and teaches not to end."""
    return where(pl.col("finish_reason") == "length", pl.format("{} tokens and no end", "completion_tokens"))


def empty(params: Params) -> pl.Expr:
    return where(~pl.col("text").str.contains(r"\S"), pl.lit("no text"))


def refusal(params: Params) -> pl.Expr:
    return where(pl.col("said").str.contains(f"(?i){PATTERN}"), pl.lit("the reply declines to answer"))


def language(params: Params) -> pl.Expr:
    """Languages by CLD2, both known. Not of a free reply, which may have been asked to translate."""
    reply, question = pl.col("reply_language"), pl.col("question_language")
    return where(
        (reply != "") & (question != "") & (reply != question),
        pl.format("the reply is in {}, the question in {}", reply, question),
    )


def degenerate(params: Params) -> pl.Expr:
    """A long text that repeats itself, by n-grams as in Gopher's rules (Rae et al., arXiv 2112.11446, appendix A1.1),
    or one endless word."""
    limits, share, longest = params.filter.reply, pl.col("repeated"), pl.col("longest_word")
    loops = where(
        share > limits.repetition,
        pl.format("{} % of its 4-grams have come before", (share * 100).round().cast(pl.Int64)),
    )
    endless = where(
        (longest > limits.word_length) & (limits.word_length > 0), pl.format("a word of {} characters", longest)
    )
    return pl.coalesce(loops, endless)


def echo(params: Params) -> pl.Expr:
    """Not of greetings and the like. Jaccard counts both ways: a reply that takes up the question and goes on is none,
    nor is a short extract of an article."""
    return where(
        pl.col("echoed") > params.filter.reply.echo,
        pl.format("repeats the question (Jaccard {})", pl.col("echoed").round(2)),
    )


def leak(params: Params) -> pl.Expr:
    """Running words of the instruction in what would be learnt: the student would learn to recite its prompt. A free
    reply may quote the user's own."""
    return where(
        pl.col("leaked") > 0,
        pl.format("{} or more running words of the instruction", pl.lit(params.filter.reply.leak_words)),
    )


def scaffolding(params: Params) -> pl.Expr:
    """A free reply, to a prompt that is the user's own, may well hold code or JSON."""
    found = (
        pl.when("is_free")
        .then(pl.col("said").str.extract(f"({MARKS})"))
        .otherwise(pl.col("said").str.extract(f"({SCAFFOLDING})"))
    )
    return where(pl.col("answer").is_not_null() & found.is_not_null(), pl.format("holds {}", found))


def outside_labels(params: Params) -> pl.Expr:
    return where(pl.col("outside").is_not_null(), pl.format("got {}, which is no label", "outside"))


def unreadable(params: Params) -> pl.Expr:
    several = pl.format("names several: {}", "several")
    return where(
        pl.col("answer").is_null(),
        pl.coalesce(several, pl.lit(f"no answer in the format {params.completion_format!r}")),
    )


def wrong(params: Params) -> pl.Expr:
    return where(~pl.col("is_right"), pl.format("got {}, the reference is {}", "answer", "reference"))


def contradiction(params: Params) -> pl.Expr:
    return pl.col("contradiction")


def no_reasoning(params: Params) -> pl.Expr:
    """Some words or figures at least: "Sure!" is none. Writing without spaces counts by its letters."""
    if params.filter.target == "answer":
        return NO_FAULT
    reasoning = pl.col("reasoning")
    holds_some = (reasoning.str.count_matches(r"\w+") >= 3) | reasoning.str.contains(r"[^\x00-\x7F]{4}")
    return where(~holds_some, pl.lit("an answer alone, and filter.target is reasoning"))


def overlong(params: Params) -> pl.Expr:
    words, limit = pl.col("reasoning_words"), params.max_words
    return where(
        words > limit * params.filter.answer.overlong,
        pl.format("{} words of reasoning, asked for at most {}", words, pl.lit(limit)),
    )


def missing_steps(params: Params) -> pl.Expr:
    return pl.col("missing_steps")


def long_summary(params: Params) -> pl.Expr:
    return pl.col("long_summary")


def lost_entities(params: Params) -> pl.Expr:
    return pl.col("lost_entities")


def unfaithful(params: Params) -> pl.Expr:
    return pl.col("unfaithful")


def private(params: Params) -> pl.Expr:
    return pl.col("private")
