"""The rules, in their order: a row is rejected by the first that it breaks, and has that one reason.

A rule stands in this table whether it judges one row by itself (`faults`) or rows against each other.
"""

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from stages.filter import row_rules
from stages.filter.params import Params


class Rule(NamedTuple):
    """About single rows."""

    group: str
    reason: str
    is_on: Callable[[Params], bool]
    fault: Callable[[Params], pl.Expr]


class TableRule(NamedTuple):
    """About rows among others: stages/filter/cross_row_rules.py."""

    group: str
    reason: str
    is_on: Callable[[Params], bool]


def always(params: Params) -> bool:
    return True


def by_reference(params: Params) -> bool:
    return params.filter.verify == "reference"


ROW_RULES = (
    Rule("reply", "unanswered", always, row_rules.unanswered),
    Rule("reply", "content_filter", always, row_rules.content_filter),
    Rule("reply", "cut_off", always, row_rules.cut_off),
    Rule("reply", "empty", always, row_rules.empty),
    Rule("reply", "refusal", lambda params: params.filter.reply.refusal, row_rules.refusal),
    Rule("reply", "language", lambda params: params.filter.reply.language, row_rules.language),
    Rule("reply", "degenerate", lambda params: params.filter.reply.repetition < 1 or params.filter.reply.word_length > 0, row_rules.degenerate),
    Rule("reply", "echo", lambda params: params.filter.reply.echo < 1, row_rules.echo),
    Rule("reply", "leak", lambda params: params.filter.reply.leak_words > 0, row_rules.leak),
    Rule("reply", "scaffolding", lambda params: params.filter.reply.scaffolding, row_rules.scaffolding),
    Rule("answer", "outside_labels", always, row_rules.outside_labels),
    Rule("answer", "unreadable", always, row_rules.unreadable),
    Rule("answer", "wrong", by_reference, row_rules.wrong),
    Rule("answer", "contradiction", lambda params: params.filter.answer.contradiction, row_rules.contradiction),
    Rule("answer", "no_reasoning", always, row_rules.no_reasoning),
    Rule("answer", "overlong", lambda params: params.filter.answer.overlong > 0, row_rules.overlong),
    Rule("summary", "missing_steps", lambda params: params.filter.chain_of_density.steps, row_rules.missing_steps),
    Rule("summary", "long_summary", lambda params: params.filter.chain_of_density.length_tolerance > 0, row_rules.long_summary),
    Rule("summary", "lost_entities", lambda params: params.filter.chain_of_density.lost_entities, row_rules.lost_entities),
    Rule("summary", "unfaithful", lambda params: params.filter.chain_of_density.faithful > 0, row_rules.unfaithful),
    Rule("private", "private", lambda params: params.filter.private == "reject", row_rules.private),
)
TABLE_RULES = (
    TableRule("agreement", "minority", lambda params: params.filter.agreement.majority),
    TableRule("agreement", "disagreement", lambda params: params.filter.agreement.min_share > 0),
    TableRule("agreement", "judged_low", lambda params: params.filter.agreement.min_judge > 0),
    TableRule("choice", "not_chosen", lambda params: params.filter.choose.which != "all"),
    TableRule("duplicate", "duplicate", lambda params: params.filter.duplicates.exact),
    TableRule("duplicate", "near_duplicate", lambda params: params.filter.duplicates.near < 1),
    TableRule("duplicate", "same_meaning", lambda params: params.filter.duplicates.semantic < 1),
    TableRule("contamination", "contaminated", lambda params: params.filter.contamination.action == "remove"),
    TableRule("selection", "not_selected", lambda params: params.filter.select.budget > 0),
)
RULES = (*ROW_RULES, *TABLE_RULES)
OF_REPLIES = ("reply", "answer", "summary")  # these judge what a model wrote, so not the data set's own answers


def apply_rules(batch: pl.DataFrame, params: Params) -> pl.DataFrame:
    """The batch with `reason` and `detail`, null where no rule about single rows is broken."""
    rules = [rule for rule in ROW_RULES if rule.is_on(params) and not (params.filter.labels == "reference" and rule.group in OF_REPLIES)]
    found = batch.select("row", *(rule.fault(params).alias(f"is {rule.reason}") for rule in rules))
    none = pl.lit(None, pl.String)
    reasons = [pl.when(pl.col(f"is {rule.reason}").is_not_null()).then(pl.lit(rule.reason)) for rule in rules]
    first = found.with_columns(reason=pl.coalesce(*reasons, none), detail=pl.coalesce(*(f"is {rule.reason}" for rule in rules), none))
    return batch.hstack(first.select("reason", "detail"))
