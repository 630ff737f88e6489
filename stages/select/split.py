"""How a budget is split between domains."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import polars as pl

from stages.select.params import Budget
from stages.select.sql import evaluate

Name = TypeVar("Name")


def to_shares(rows: pl.DataFrame, asked: Budget) -> dict[str, float]:
    """The share of the budget that each domain gets: the quotas, or by the split."""
    if asked.split == "none":
        return asked.quotas
    train = domains(rows.filter(~pl.col("is_validation")), asked.domain)
    sizes: dict[str, int] = dict(train.value_counts().sort("domain").iter_rows())
    if asked.split == "size":
        return {name: count / len(train) for name, count in sizes.items()}
    return smoothed(perplexity_ratios(rows.filter("is_validation"), list(sizes), asked), asked.alpha)


def domains(rows: pl.DataFrame, sql: str) -> pl.Series:
    """Of each row, as text: a topic is 3, not 3.0."""
    found = evaluate(sql, "budget.domain", rows)
    texts = found.cast(pl.String)
    if found.dtype.is_float():
        whole = found.cast(pl.Int64, strict=False)
        texts = pl.select(pl.when(whole == found).then(whole.cast(pl.String)).otherwise(texts)).to_series()
    return texts.fill_null("null").alias("domain")


def perplexity_ratios(rows: pl.DataFrame, names: list[str], asked: Budget) -> dict[str, float]:
    """domain -> the student's perplexity over the teacher's on these rows, those held out for validation; the mean of
    the others for a domain that has none."""
    numbers = {name: evaluate(name, "budget.split", rows) for name in ("nll_student", "nll_teacher")}
    means = rows.select(domain=domains(rows, asked.domain), **numbers).group_by("domain").mean().drop_nulls()
    gaps = {name: student - teacher for name, student, teacher in means.iter_rows()}
    ratios = {name: float(np.exp(gap)) for name, gap in gaps.items() if name in names}
    if not ratios:
        raise SystemExit(
            f"params.yaml: select.budget.split: got gap and no validation row of a domain such as {names[0]!r} with "
            f"nll_student and nll_teacher, wanted some; raise filter.validation_share"
        )
    return {name: ratios.get(name, float(np.mean(list(ratios.values())))) for name in names}


def smoothed(ratios: Mapping[str, float], alpha: float) -> dict[str, float]:
    """alpha times the softmax of the ratios, and the rest alike (DDK: Liu et al., arXiv 2407.16154, equations 1 and
    2)."""
    highest = max(ratios.values())
    scaled = {name: float(np.exp(ratio - highest)) for name, ratio in ratios.items()}
    whole = sum(scaled.values())
    return {name: alpha * value / whole + (1 - alpha) / len(scaled) for name, value in scaled.items()}


def allot(total: int, shares: Mapping[Name, float], sizes: Mapping[Name, int]) -> dict[Name, int]:
    """How many rows each gets: its share of the total, or all it has; what it leaves goes to the others, by their
    shares."""
    counts: dict[Name, int] = {}
    wanting = {name: share for name, share in shares.items() if share > 0 and sizes.get(name)}
    while wanting:
        rate = (total - sum(counts.values())) / sum(wanting.values())
        full = [name for name, share in wanting.items() if share * rate >= sizes[name]]
        if not full:
            exact = {name: share * rate for name, share in wanting.items()}
            return counts | rounded(exact)
        for name in full:
            counts[name] = sizes[name]
            del wanting[name]
    return counts


def rounded(exact: Mapping[Name, float]) -> dict[Name, int]:
    """To whole rows of the same sum, up where most is cut off, of equals the first."""
    counts = {name: int(value + 1e-9) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: round(sum(exact.values())) - sum(counts.values())]:
        counts[name] += 1
    return counts
