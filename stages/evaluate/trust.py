"""Can a judge be trusted? How far it agrees with people, who ranks the arms therefore, and what both say together."""

from typing import Any

import polars as pl

from stages.evaluate.params import Evaluate
from stages.evaluate.verdicts import ABOUT, PAIR, between_graders, drawn, sums, with_each_other
from stages.statistics.bradley_terry import strengths
from stages.statistics.prediction_powered import prediction_powered_mean
from stages.statistics.resampling import ratio

NOBODY = "nobody"
FEW = 10  # prompts: a bootstrap of fewer tells next to nothing of how sure a figure is


def agreement(
    judges: pl.DataFrame, people: pl.DataFrame, weights: dict[str, float], params: Evaluate
) -> list[dict[str, Any]]:
    """By line of the rubric: of people with each other, and of each judge with people."""
    found = []
    for (line,), of_line in people.group_by("line", maintain_order=True):
        row = {
            "line": line,
            "graders": of_line["by"].n_unique(),
            "prompts": of_line["id"].n_unique(),
            "people": between_graders(of_line, params).rounded(),
        }
        for (judge,), said in judges.filter("was_read", line=line).group_by("by", maintain_order=True):
            number, kappa, spearman = with_each_other(said, of_line, weights, params)
            prompts = said.join(of_line, on=ABOUT, how="semi")["id"].n_unique()
            sure = prompts >= FEW and kappa.interval is not None and kappa.interval[0] >= params.min_kappa
            row[judge] = {"verdicts": number, "prompts": prompts, "kappa": kappa.rounded()} | {
                "spearman": spearman.rounded(),
                "trusted": sure,
            }
        found.append(row)
    return found


def who_ranks(agreed: list[dict[str, Any]], judges: list[str], ranks: str, params: Evaluate) -> tuple[str, str]:
    """Who may rank the arms by this line of the rubric, and why."""
    row = next((row for row in agreed if row["line"] == ranks), None)
    if row is None:
        return NOBODY, f"no person graded {ranks}: see `make grade`"
    for judge in judges:
        if row.get(judge, {}).get("trusted"):
            return judge, f"its kappa with people is at least {params.min_kappa:g}, surely"
    told = [
        f"the kappa of {judge} with people {how_low(row[judge])}, wanted {params.min_kappa:g} (evaluate.min_kappa in "
        f"params.yaml)"
        for judge in judges
        if judge in row
    ]
    return "people", "; ".join(told) or "no judge graded it"


def how_low(agreed: dict[str, Any]) -> str:
    if agreed["prompts"] < FEW:
        return f"is of {agreed['prompts']} prompts, fewer than {FEW}"
    interval = agreed["kappa"]["interval"]
    return "has no meaning, as all are alike" if interval is None else f"may be as low as {interval[0]:.2f}"


def standing(
    judges: pl.DataFrame, people: pl.DataFrame, weights: dict[str, float], line: str, params: Evaluate
) -> list[dict[str, Any]]:
    """Of each arm, or of each pair of arms where `line` is PAIR: what each judge says, what people say, and what both
    say together; the few prompts that people graded stand for all by their weights."""
    by_people, by_judges = people.filter(line=line), judges.filter(line=line)
    mean = by_people.group_by(ABOUT, maintain_order=True).agg(pl.col("value").mean())
    mean = mean.with_columns(weight=pl.col("id").replace_strict(weights, default=None, return_dtype=pl.Float64))
    arms = pl.concat([by_judges, by_people]).select("first", "second").unique(maintain_order=True)
    found = []
    for first, second in arms.iter_rows():
        few = mean.filter(first=first, second=second)
        row: dict[str, Any] = {"first": first} | ({"second": second} if second else {})
        weight = pl.col("weight")
        row["people"] = drawn(sums(few, weight * pl.col("value"), weight), ratio, params).rounded()
        row["prompts"] = few["id"].n_unique()
        for (judge,), all_of_them in by_judges.filter(first=first, second=second).group_by("by", maintain_order=True):
            both = few.join(all_of_them, on="id", suffix="_judge", maintain_order="left")
            alone = drawn(sums(all_of_them, pl.col("value"), pl.lit(1.0)), ratio, params)
            row[judge] = {"alone": alone.rounded()}
            if len(both) >= FEW:
                of_people, of_judge, weigh = (both[name].to_numpy() for name in ("value", "value_judge", "weight"))
                of_all = all_of_them["value"].to_numpy()
                combined, reliance = prediction_powered_mean(of_people, of_judge, weigh, of_all, params.confidence)
                row[judge] |= {
                    "with_people": combined.rounded(),
                    "reliance": round(reliance, 4),
                }
        found.append(row)
    return found


def ranking(rows: list[dict[str, Any]], by: str) -> list[str]:
    """The arms from the best, by a judge or by people; none where nobody may rank them."""
    if by == NOBODY:
        return []
    said = [(row, row["people"] if by == "people" else row.get(by, {}).get("alone", {})) for row in rows]
    known = [(row, estimate["value"]) for row, estimate in said if estimate.get("value") is not None]
    if known and "second" in known[0][0]:
        sizes = [row["prompts"] if by == "people" else 1 for row, _ in known]  # judges see all prompts of each pair
        pairs = [(row["first"], row["second"], value) for row, value in known]
        values = strengths([(*pair, size) for pair, size in zip(pairs, sizes, strict=True)])
    else:
        values = {row["first"]: value for row, value in known}
    return sorted(values, key=lambda arm: -values[arm])


def report_trust(
    judges: pl.DataFrame, people: pl.DataFrame, weights: dict[str, float], ranks: str, params: Evaluate
) -> dict[str, list[Any]]:
    """`ranks` is the line of the rubric that arms are ranked by."""
    agreed = agreement(judges, people, weights, params)
    names = judges["by"].unique(maintain_order=True).to_list()
    report: dict[str, list[Any]] = {"agreement": agreed, "ranking": []}
    for line, what in ((ranks, "standing"), (PAIR, "pairs")):
        report[what] = standing(judges, people, weights, line, params)
        if report[what]:
            by, why = who_ranks(agreed, names, line, params)
            arms = " > ".join(ranking(report[what], by))
            report["ranking"].append({"line": line, "by": by, "why": why, "arms": arms})
    return report
