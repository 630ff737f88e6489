"""The rules of selection, in their order: each gives the rows to reject, and a row has the reason of the first that
does.

`rows` are those that no rule before rejects, with the columns of stages/rows/row.py, those of `score`, `row`, `vote`,
`random`, `right_share` and `has_gold`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from stages.select import agreement, best_of_n, budget, conditions, negatives, semantic_duplicates, sources, unsure
from stages.select.params import Select

Rejected = pl.DataFrame  # row, reason, detail, evidence
Texts = Callable[[pl.DataFrame], pl.Series]  # the targets of some rows


@dataclass(frozen=True)
class Rule:
    """`settings` are the keys of the section `select` that it depends on."""

    group: str
    reason: str
    is_on: Callable[[Select], bool]
    apply: Callable[[pl.DataFrame, Texts, Path, Select], tuple[pl.DataFrame, Rejected]]
    settings: tuple[str, ...] = ()


RULES: tuple[Rule, ...] = (
    Rule(
        "negatives",
        "only_negative",
        lambda select: select.negatives not in (negatives.NONE, negatives.WRONG),
        negatives.only_negative,
        ("negatives",),
    ),
    Rule(
        "sources", "other_source", lambda select: select.sources.use == "best", sources.other_source, ("sources.use",)
    ),
    Rule("agreement", "minority", lambda select: select.majority, agreement.minority),
    Rule("agreement", "disagreement", lambda select: select.min_share > 0, agreement.disagreement, ("min_share",)),
    Rule("agreement", "judged_low", lambda select: select.min_grade > 0, agreement.judged_low, ("min_grade",)),
    Rule("numbers", "not_wanted", lambda select: bool(select.where), conditions.not_wanted, ("where",)),
    Rule(
        "numbers",
        "below_class",
        lambda select: bool(select.per_class.numbers),
        conditions.below_class,
        ("per_class.numbers", "per_class.of"),
    ),
    Rule(
        "numbers",
        "unsure",
        lambda select: select.unsure.confidence > 0,
        unsure.unsure,
        ("unsure.confidence", "unsure.then"),
    ),
    Rule(
        "choice",
        "not_chosen",
        lambda select: select.best_of_n.which != "all",
        best_of_n.not_chosen,
        ("best_of_n.which", "best_of_n.most"),
    ),
    Rule(
        "duplicate", "same_meaning", lambda select: select.semantic < 1, semantic_duplicates.same_meaning, ("semantic",)
    ),
    Rule(
        "selection",
        "not_selected",
        lambda select: select.budget.is_on,
        budget.not_selected,
        tuple(f"budget.{name}" for name in ("rows", "share", "order", "draw", "domain", "split", "alpha", "quotas")),
    ),
)


def apply_rules(rows: pl.DataFrame, texts: Texts, embeddings: Path, select: Select) -> tuple[pl.DataFrame, Rejected]:
    """(the rows that stay, the others with reason, detail and evidence)."""
    rejected = [
        pl.DataFrame(schema={"row": pl.UInt32, "reason": pl.String, "detail": pl.String, "evidence": pl.String})
    ]
    for rule in RULES:
        if rule.is_on(select):
            rows, lost = rule.apply(rows, texts, embeddings, select)
            rejected.append(lost.select("row", reason=pl.lit(rule.reason), detail="detail", evidence="evidence"))
    return rows, pl.concat(rejected)
