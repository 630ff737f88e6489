"""The rules, in their order: a row is rejected by the first that it breaks, and has that one reason.

A rule stands in this table whether it judges one row by itself (`faults`) or rows against each other.
"""

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from stages.filter import faults
from stages.filter.params import Params


class Rule(NamedTuple):
    """About single rows."""

    group: str
    reason: str
    is_on: Callable[[Params], bool]
    fault: Callable[[Params], pl.Expr]


class TableRule(NamedTuple):
    """About rows among others: stages/filter/among.py."""

    group: str
    reason: str
    is_on: Callable[[Params], bool]


def always(params: Params) -> bool:
    return True


def by_reference(params: Params) -> bool:
    return params.filter.verify == "reference"


ROW_RULES = (
    Rule("reply", "unanswered", always, faults.unanswered),
    Rule("reply", "content_filter", always, faults.content_filter),
    Rule("reply", "cut_off", always, faults.cut_off),
    Rule("reply", "empty", always, faults.empty),
    Rule("reply", "refusal", lambda params: params.filter.reply.refusal, faults.refusal),
    Rule("reply", "language", lambda params: params.filter.reply.language, faults.language),
    Rule("reply", "degenerate", lambda params: params.filter.reply.repetition < 1 or params.filter.reply.word_length > 0, faults.degenerate),
    Rule("reply", "echo", lambda params: params.filter.reply.echo < 1, faults.echo),
    Rule("reply", "leak", lambda params: params.filter.reply.leak_words > 0, faults.leak),
    Rule("reply", "scaffolding", lambda params: params.filter.reply.scaffolding, faults.scaffolding),
    Rule("answer", "outside_labels", always, faults.outside_labels),
    Rule("answer", "unreadable", always, faults.unreadable),
    Rule("answer", "wrong", by_reference, faults.wrong),
    Rule("answer", "contradiction", lambda params: params.filter.answer.contradiction, faults.contradiction),
    Rule("answer", "no_reasoning", always, faults.no_reasoning),
    Rule("answer", "overlong", lambda params: params.filter.answer.overlong > 0, faults.overlong),
    Rule("summary", "missing_steps", lambda params: params.filter.chain.steps, faults.missing_steps),
    Rule("summary", "long_summary", lambda params: params.filter.chain.length_tolerance > 0, faults.long_summary),
    Rule("summary", "lost_entities", lambda params: params.filter.chain.lost_entities, faults.lost_entities),
    Rule("summary", "unfaithful", lambda params: params.filter.chain.faithful > 0, faults.unfaithful),
    Rule("private", "private", lambda params: params.filter.private == "reject", faults.private),
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


def judge(batch: pl.DataFrame, params: Params) -> pl.DataFrame:
    """The batch with `reason` and `detail`, null where no rule about single rows is broken."""
    rules = [rule for rule in ROW_RULES if rule.is_on(params) and not (params.filter.labels == "reference" and rule.group in OF_REPLIES)]
    found = batch.select("row", *(rule.fault(params).alias(f"is {rule.reason}") for rule in rules))
    none = pl.lit(None, pl.String)
    reasons = [pl.when(pl.col(f"is {rule.reason}").is_not_null()).then(pl.lit(rule.reason)) for rule in rules]
    first = found.with_columns(reason=pl.coalesce(*reasons, none), detail=pl.coalesce(*(f"is {rule.reason}" for rule in rules), none))
    return batch.hstack(first.select("reason", "detail"))
