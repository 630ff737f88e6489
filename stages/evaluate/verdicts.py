"""Verdicts of judges and people in one form, and how far those who gave them agree."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

from stages.evaluate.params import Evaluate
from stages.rows.grades import Grade
from stages.statistics.agreement import alpha, coincidences, kappa, spearman
from stages.statistics.resampling import Array, Estimate, bootstrap

PAIR = "pair"  # what stands for the line where two replies were compared
ABOUT = ["id", "line", "first", "second"]  # a prompt, a line of the rubric, an arm, and the other of a pair or ""
NUM_CODES = 5


class Verdict(NamedTuple):
    """`value` is a grade of 1 to 5, or of a pair the first arm's score, 0 to 1; `code` is that as 0 to 4. `was_read`
    tells a verdict from what stands for one where a reply cannot be read, or two are the same."""

    by: str
    id: str
    line: str
    first: str
    second: str
    value: float
    code: int
    was_read: bool = True


SCHEMA = pl.Schema(
    {
        "by": pl.String,
        **dict.fromkeys(ABOUT, pl.String),
        "value": pl.Float64,
        "code": pl.Int64,
        "was_read": pl.Boolean,
    }  # as Verdict
)


def of_judges(grades: pl.DataFrame, compared: pl.DataFrame) -> pl.DataFrame:
    """What judges gave, both orders of a pair as one, of `both_orders`."""
    read = pl.col("status") == "graded"
    singles = grades.drop_nulls("grade").select(
        by="judge", id="id", line="line", first="arm", second=pl.lit(""), value="grade", code=pl.col("grade") - 1,
        was_read=read,
    )  # fmt: skip
    pairs = compared.drop_nulls("score").select(
        by="judge", id="id", line=pl.lit(PAIR), first="first", second="second", value="score",
        code=pl.col("score") * 4, was_read="asked",
    )  # fmt: skip
    return pl.concat([frame.cast(dict(SCHEMA)) for frame in (singles, pairs)])  # pyright: ignore[reportArgumentType]


def of_people(graders: dict[str, list[Grade]], pairs: set[tuple[str, str]]) -> pl.DataFrame:
    """What people say at first sight; two arms in the order that `pairs` has them in."""
    found = []
    for name, grades in graders.items():
        for grade in grades:
            if grade.is_repeat:
                continue
            if not grade.is_pair:
                value = grade.value(grade.arms[0])
                found.append(Verdict(name, grade.id, grade.line, grade.arms[0], "", value, int(value) - 1))
                continue
            first, second = sorted(grade.arms)
            if (second, first) in pairs:
                first, second = second, first
            value = grade.value(first)
            found.append(Verdict(name, grade.id, PAIR, first, second, value, int(4 * value)))
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def sums(frame: pl.DataFrame, *columns: pl.Expr) -> Array:
    """Of each prompt, the unit that is drawn, the sum of each column over its rows."""
    named = [column.cast(pl.Float64).alias(str(number)) for number, column in enumerate(columns)]
    return frame.select("id", *named).group_by("id", maintain_order=True).sum().drop("id").to_numpy()


def tables(ids: pl.Series, of_rows: Array) -> Array:
    """The tables of the rows, summed by prompt."""
    names, units = np.unique(ids.to_numpy(), return_inverse=True)
    found = np.zeros((len(names), *of_rows.shape[1:]))
    np.add.at(found, units, of_rows)
    return found


def between_graders(verdicts: pl.DataFrame, params: Evaluate) -> Estimate:
    """Krippendorff's alpha of all who gave verdicts about the same."""
    about = verdicts.group_by(ABOUT, maintain_order=True).agg("code").filter(pl.col("code").list.len() > 1)
    of_rows = np.array([coincidences(codes, NUM_CODES) for codes in about["code"]]).reshape(-1, NUM_CODES, NUM_CODES)
    return drawn(tables(about["id"], of_rows), lambda found: alpha(found, ordinal=True), params)


def with_each_other(
    judge: pl.DataFrame, people: pl.DataFrame, weights: dict[str, float], params: Evaluate
) -> tuple[int, Estimate, Estimate]:
    """How many verdicts of people are about what the judge saw too, and kappa and Spearman's correlation of both. A
    prompt counts by its weight, what several people graded as often as what one did."""
    both = judge.join(people, on=ABOUT, suffix="_people", maintain_order="left")
    graders = both.select(pl.len().over(ABOUT))["len"].to_numpy()
    of_rows = np.zeros((len(both), NUM_CODES, NUM_CODES))
    weight = np.array([weights[id] for id in both["id"]]) / graders
    of_rows[np.arange(len(both)), both["code"].to_numpy(), both["code_people"].to_numpy()] = weight
    found = tables(both["id"], of_rows)
    return len(both), drawn(found, kappa, params), drawn(found, spearman, params)


def drawn(units: Array, statistic: Callable[[Array], Array], params: Evaluate) -> Estimate:
    return bootstrap(units, statistic, params.confidence, params.num_resamples, params.seed)
