"""The rules, in their order: a row is rejected by the first that it breaks, and has that one reason.

A rule stands in this table whether it judges one row by itself (`row_rules`) or rows against each other
(`cross_row_rules`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from stages.filter import cross_row_rules, row_rules
from stages.filter.params import Params


@dataclass(frozen=True)
class RowRule:
    """About single rows; `settings` are the keys of the section `filter` that it depends on, beside its switch."""

    group: str
    reason: str
    is_on: Callable[[Params], bool]
    fault: Callable[[Params], pl.Expr]
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class CrossRowRule:
    """About rows among others. Where a rule is to report, it finds what it would reject, and rejects nothing."""

    group: str
    reason: str
    is_on: Callable[[Params], bool]
    apply: Callable[[pl.DataFrame, Params, Path], tuple[pl.DataFrame, pl.DataFrame]]
    settings: tuple[str, ...] = ()
    is_to_report: Callable[[Params], bool] = lambda params: False


def always(params: Params) -> bool:
    return True


def by_reference(params: Params) -> bool:
    return params.filter.verify == "reference"


ROW_RULES: tuple[RowRule, ...] = (
    RowRule("reply", "unanswered", always, row_rules.unanswered),
    RowRule("reply", "content_filter", always, row_rules.content_filter),
    RowRule("reply", "cut_off", always, row_rules.cut_off),
    RowRule("reply", "empty", always, row_rules.empty),
    RowRule("reply", "refusal", lambda params: params.filter.reply.refusal, row_rules.refusal),
    RowRule("reply", "language", lambda params: params.filter.reply.language, row_rules.language),
    RowRule(
        "reply",
        "degenerate",
        lambda params: params.filter.reply.repetition < 1 or params.filter.reply.word_length > 0,
        row_rules.degenerate,
        ("reply.repetition", "reply.word_length"),
    ),
    RowRule("reply", "echo", lambda params: params.filter.reply.echo < 1, row_rules.echo, ("reply.echo",)),
    RowRule("reply", "leak", lambda params: params.filter.reply.leak_words > 0, row_rules.leak, ("reply.leak_words",)),
    RowRule("reply", "scaffolding", lambda params: params.filter.reply.scaffolding, row_rules.scaffolding),
    RowRule("answer", "outside_labels", always, row_rules.outside_labels),
    RowRule("answer", "unreadable", always, row_rules.unreadable),
    RowRule("answer", "wrong", by_reference, row_rules.wrong),
    RowRule("answer", "contradiction", lambda params: params.filter.answer.contradiction, row_rules.contradiction),
    RowRule("answer", "no_reasoning", always, row_rules.no_reasoning),
    RowRule(
        "answer", "overlong", lambda params: params.filter.answer.overlong > 0, row_rules.overlong, ("answer.overlong",)
    ),
    RowRule("summary", "missing_steps", lambda params: params.filter.chain_of_density.steps, row_rules.missing_steps),
    RowRule(
        "summary",
        "long_summary",
        lambda params: params.filter.chain_of_density.length_tolerance > 0,
        row_rules.long_summary,
        ("chain_of_density.length_tolerance",),
    ),
    RowRule(
        "summary", "lost_entities", lambda params: params.filter.chain_of_density.lost_entities, row_rules.lost_entities
    ),
    RowRule(
        "summary",
        "unfaithful",
        lambda params: params.filter.chain_of_density.faithful > 0,
        row_rules.unfaithful,
        ("chain_of_density.faithful",),
    ),
    RowRule("private", "private", lambda params: params.filter.private == "reject", row_rules.private),
)
CROSS_ROW_RULES: tuple[CrossRowRule, ...] = (
    CrossRowRule("duplicate", "duplicate", lambda params: params.filter.duplicates.exact, cross_row_rules.duplicate),
    CrossRowRule(
        "duplicate",
        "near_duplicate",
        lambda params: params.filter.duplicates.near < 1,
        cross_row_rules.near_duplicate,
        ("duplicates.near", "duplicates.ngram"),
    ),
    CrossRowRule(
        "contamination",
        "contaminated",
        lambda params: params.filter.contamination.action == "remove",
        cross_row_rules.contaminated,
        ("contamination.ngram", "contamination.similar"),
        lambda params: params.filter.contamination.action == "report",
    ),
)
RULES = (*ROW_RULES, *CROSS_ROW_RULES)
FOUND = pl.Schema({"row": pl.UInt32, "reason": pl.String, "detail": pl.String, "evidence": pl.String})
OF_REPLIES = ("reply", "answer", "summary")  # these are about what a model wrote, so not the data set's own answers


def apply_row_rules(batch: pl.DataFrame, params: Params) -> pl.DataFrame:
    """The batch with `reason` and `detail`, null where no rule about single rows is broken."""
    rules = [
        rule
        for rule in ROW_RULES
        if rule.is_on(params) and not (params.filter.labels == "reference" and rule.group in OF_REPLIES)
    ]
    found = batch.select("row", *(rule.fault(params).alias(f"is {rule.reason}") for rule in rules))
    none = pl.lit(None, pl.String)
    reasons = [pl.when(pl.col(f"is {rule.reason}").is_not_null()).then(pl.lit(rule.reason)) for rule in rules]
    first = found.with_columns(
        reason=pl.coalesce(*reasons, none), detail=pl.coalesce(*(f"is {rule.reason}" for rule in rules), none)
    )
    return batch.hstack(first.select("reason", "detail"))


def apply_cross_row_rules(
    rows: pl.DataFrame, params: Params, scratch: Path, log: Callable[[str], None]
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, pl.DataFrame]]:
    """The rows that no rule about single rows rejects -> (those that stay, with `cluster`; FOUND of the others; by
    reason what each rule found, rejected or reported). Their texts lie in `scratch`."""
    rows, found = rows.with_columns(cluster=pl.lit(1, pl.Int64)), dict[str, pl.DataFrame]()
    rejected = [pl.DataFrame(schema=FOUND)]
    for rule in CROSS_ROW_RULES:
        if not (rule.is_on(params) or rule.is_to_report(params)):
            continue
        stay, found[rule.reason] = rule.apply(rows, params, scratch)
        log(f"{len(found[rule.reason]):,} {rule.reason}{'' if rule.is_on(params) else ', reported only'}")
        if rule.is_on(params):
            rows, lost = stay, found[rule.reason].with_columns(reason=pl.lit(rule.reason))
            rejected.append(lost.select(FOUND.names()).cast(FOUND))
    return rows, pl.concat(rejected), found
