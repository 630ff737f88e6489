"""What judges say of each arm, and which way they lean: by order, by length, towards their own family."""

from typing import Any

import polars as pl

from stages.evaluate.params import Evaluate
from stages.evaluate.verdicts import ABOUT, PAIR, between_graders, drawn, of_judges, sums
from stages.statistics.length_control import controlled_win_rate
from stages.statistics.resampling import Estimate, correlation, ratio

ONE = pl.lit(1.0)
ARMS = ["judge", "first", "second"]


def both_orders(pairs: pl.DataFrame) -> pl.DataFrame:
    """A row for both orders of a pair: `score` is their mean, null where one has none; `asked` says whether the judge
    read both; `length` is tanh of the difference in words, in standard deviations, as in AlpacaEval 2."""
    key = ["judge", "id", "first", "second"]
    shown_first, shown_second = (pairs.filter(pl.col("shown_first") == order) for order in (True, False))
    both = shown_first.join(
        shown_second.select(*key, "score", "status"), on=key, maintain_order="left", suffix="_second"
    )
    longer = pl.when("asked").then((pl.col("words_first") - pl.col("words_second")).cast(pl.Float64))
    return (
        both.rename({"score": "score_first"})
        .with_columns(
            score=(pl.col("score_first") + pl.col("score_second")) / 2,
            asked=(pl.col("status") == "graded") & (pl.col("status_second") == "graded"),
        )
        .with_columns(length=(longer / longer.std(ddof=0).over(ARMS)).tanh().fill_nan(0.0))
    )


def report_judges(grades: pl.DataFrame, compared: pl.DataFrame, params: Evaluate) -> list[dict[str, Any]]:
    """Of each judge; `compared` as of `both_orders`."""
    names = pl.concat([grades["judge"], compared["judge"]]).unique(maintain_order=True)
    return [
        {
            "judge": name,
            "unreadable": unreadable(grades.filter(judge=name), compared.filter(judge=name)),
            **{what: estimate.rounded() for what, estimate in leanings(name, grades, compared, params).items()},
            "arms": list(means(grades.filter(judge=name), params)),
            "comparisons": list(wins(compared.filter(judge=name), params)),
        }
        for name in names
    ]


def unreadable(grades: pl.DataFrame, compared: pl.DataFrame) -> float:
    """The share of verdicts that were asked for and not got, of grades by line."""
    statuses = pl.concat([grades["status"], compared["status"], compared["status_second"]])
    asked = statuses.filter(~statuses.is_in(["forfeit", "identical"]))
    return round(float((asked != "graded").mean() or 0.0), 4)  # pyright: ignore[reportArgumentType]


def leanings(name: str, grades: pl.DataFrame, compared: pl.DataFrame, params: Evaluate) -> dict[str, Estimate]:
    mine = compared.filter(pl.col("asked"), judge=name)
    orders = (pl.col("score_first"), pl.col("score_second"))
    picked_first = (orders[0] == 1).cast(pl.Int8) + (orders[1] == 0).cast(pl.Int8)
    tied = [(order == 0.5).cast(pl.Int8) for order in orders]
    found = {
        "flips": drawn(sums(mine, orders[0] != orders[1], ONE), ratio, params),
        # of the verdicts that are no ties, those for the reply that was shown first; 0.5 is fair
        "for_first": drawn(sums(mine, picked_first, 2 - tied[0] - tied[1]), ratio, params),
        "ties": drawn(sums(mine, tied[0] + tied[1], 2 * ONE), ratio, params),
        "length_of_pairs": related(mine, pl.col("length"), pl.col("score"), ["first", "second"], params),
    }
    graded = grades.filter(pl.col("status") == "graded", judge=name)
    found["length_of_grades"] = related(graded, pl.col("words"), pl.col("grade"), ["arm", "line"], params)
    for other in compared["judge"].unique(maintain_order=True):
        if other != name:
            verdicts = of_judges(grades, compared)
            found[f"for_own_against_{other}"] = for_own(mine, verdicts.filter(by=other), params)
    return found


def related(frame: pl.DataFrame, x: pl.Expr, y: pl.Expr, within: list[str], params: Evaluate) -> Estimate:
    """Pearson's correlation within each group: that one arm is longer and better is no leaning."""
    x, y = x - x.mean().over(within), y - y.mean().over(within)
    return drawn(sums(frame, ONE, x, y, x * x, y * y, x * y), correlation, params)


def for_own(mine: pl.DataFrame, others: pl.DataFrame, params: Evaluate) -> Estimate:
    """How much more of a win the judge gives to replies of its own family than others do about the same pairs."""
    score = pl.col("score") - pl.col("value")
    own = mine.filter(pl.col("own").is_not_null()).join(
        others.filter("was_read", line=PAIR).group_by(ABOUT).agg(pl.col("value").mean()), on=["id", "first", "second"]
    )
    return drawn(sums(own, pl.when(pl.col("own") == "first").then(score).otherwise(-score), ONE), ratio, params)


def means(grades: pl.DataFrame, params: Evaluate) -> "list[dict[str, Any]]":
    """Of each arm, by line of the rubric."""
    return [
        {
            "arm": arm,
            **{
                line: drawn(sums(of_line, pl.col("grade"), ONE), ratio, params).rounded()
                for (line,), of_line in of_arm.drop_nulls("grade").group_by("line", maintain_order=True)
            },
        }
        for (arm,), of_arm in grades.group_by("arm", maintain_order=True)
    ]


def wins(compared: pl.DataFrame, params: Evaluate) -> "list[dict[str, Any]]":
    """Of each pair of arms: what share of prompts the first wins, a tie being half a win."""
    found = []
    for (first, second), pair in compared.group_by("first", "second", maintain_order=True):
        known = pair.drop_nulls("score")
        controlled = controlled_win_rate(
            known["score"].to_numpy(),
            known["length"].fill_null(0.0).to_numpy(),
            known["asked"].to_numpy(),
            params.confidence,
            params.num_resamples,
            params.seed,
        )
        found.append(
            {
                "first": first,
                "second": second,
                "prompts": len(known),
                "not_asked": len(known) - known["asked"].sum(),
                "wins": drawn(sums(known, pl.col("score"), ONE), ratio, params).rounded(),
                "length_controlled": controlled.rounded(),
            }
        )
    return found


def agreement_of_judges(verdicts: pl.DataFrame, params: Evaluate) -> list[dict[str, Any]]:
    """Krippendorff's alpha by line of the rubric, where two judges were asked."""
    if verdicts["by"].n_unique() < 2:
        return []
    return [
        {"line": line} | between_graders(of_line, params).rounded()
        for (line,), of_line in verdicts.filter("was_read").group_by("line", maintain_order=True)
    ]
