"""All measures of the arms side by side, and where two of them contradict each other, with prompts that show it."""

from itertools import permutations
from typing import Any

import numpy as np
import polars as pl

from stages.evaluate.arms import Arm
from stages.evaluate.params import Evaluate
from stages.evaluate.trust import FEW
from stages.evaluate.verdicts import drawn
from stages.statistics.resampling import Estimate, ratio

# more of each is better, or is held to be
GOOD = ("accuracy", "entity_density", "faithfulness", "entailment", "chrf", "rougeL")
PEOPLE = "people"
NUM_SHOWN = 5  # prompts of a contradiction
Values = dict[str, dict[str, dict[str, float]]]  # by arm, measure and id of the prompt


def values_of(
    arms: list[Arm], ids: list[str], entailed: pl.DataFrame, judges: pl.DataFrame, people: pl.DataFrame, ranks: str
) -> Values:
    """Judges stand under their names, people together, both by the line of the rubric that ranks."""
    found: Values = {}
    for arm in arms:
        rows = list(zip(ids, arm.measured.rows, strict=True))
        found[arm.name] = {name: {id: row[name] for id, row in rows if name in row} for name in (*GOOD, "words")}
        entailment = entailed.drop_nulls().filter(arm=arm.name)
        found[arm.name]["entailment"] = dict(entailment.select("id", "entailment").iter_rows())
        for by, said in judges.filter(line=ranks, first=arm.name).group_by("by", maintain_order=True):
            found[arm.name][str(by[0])] = dict(said.select("id", "value").iter_rows())
        of_people = people.filter(line=ranks, first=arm.name).group_by("id", maintain_order=True)
        found[arm.name][PEOPLE] = dict(of_people.agg(pl.col("value").mean()).iter_rows())
        found[arm.name] = {name: by_id for name, by_id in found[arm.name].items() if by_id}
    return found


def table(values: Values, weights: dict[str, float]) -> list[dict[str, Any]]:
    """Means, each over the prompts that have the measure."""
    return [
        {"arm": arm}
        | {name: round(mean(by_id, weights if name == PEOPLE else {}), 4) for name, by_id in measured.items()}
        for arm, measured in values.items()
    ]


def mean(by_id: dict[str, float], weights: dict[str, float]) -> float:
    return float(np.average(list(by_id.values()), weights=[weights.get(id, 1.0) for id in by_id]))


def contradictions(
    values: Values, weights: dict[str, float], pairs: list[tuple[str, str]], params: Evaluate
) -> list[dict[str, Any]]:
    """Of two arms, the measures of which one surely rises and the other surely falls: neither interval holds 0."""
    found = []
    for first, second in pairs:
        measures = [name for name in values[first] if name in values[second] and name != "words"]
        changes = {name: differences(values[first][name], values[second][name]) for name in measures}
        for up, down in permutations([name for name in measures if changes[name]], 2):
            weigh = {name: weights if name == PEOPLE else {} for name in (up, down)}
            if not mean(changes[up], weigh[up]) > 0 > mean(changes[down], weigh[down]):
                continue
            rise, fall = (change(changes[name], weigh[name], params) for name in (up, down))
            enough = min(len(changes[up]), len(changes[down])) >= FEW
            if enough and is_sure(rise, 1) and is_sure(fall, -1):
                shown = shown_by(changes[up], changes[down])
                told = {"up": {"measure": up} | rise.rounded(), "down": {"measure": down} | fall.rounded()}
                found.append({"first": first, "second": second, **told, "prompts": shown})
    return found


def differences(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    return {id: value - second[id] for id, value in first.items() if id in second}


def change(by_id: dict[str, float], weights: dict[str, float], params: Evaluate) -> Estimate:
    weight = np.array([weights.get(id, 1.0) for id in by_id])
    return drawn(np.stack([weight * np.array(list(by_id.values())), weight], axis=-1), ratio, params)


def is_sure(estimate: Estimate, sign: int) -> bool:
    return estimate.interval is not None and min(sign * bound for bound in estimate.interval) > 0


def shown_by(up: dict[str, float], down: dict[str, float]) -> list[str]:
    """Prompts where one rises and the other falls, the clearest first."""
    both = [id for id in up if id in down and up[id] > 0 > down[id]]
    return sorted(both, key=lambda id: (up[id] * down[id], id))[:NUM_SHOWN]


def wins_that_vanish(judges: list[dict[str, Any]], compared: pl.DataFrame) -> list[dict[str, Any]]:
    """A judge prefers one arm, and not surely any more where both replies are of one length."""
    found = []
    for judge in judges:
        for row in judge["comparisons"]:
            wins, controlled = row["wins"]["interval"], row["length_controlled"]["interval"]
            if wins is None or controlled is None:  # no verdict could be read, or all are alike
                continue
            if wins[0] > 0.5 >= controlled[0] or wins[1] < 0.5 <= controlled[1]:
                longer = 1 if wins[0] > 0.5 else -1
                pair = compared.filter("asked", judge=judge["judge"], first=row["first"], second=row["second"])
                won = pair.filter((longer * (pl.col("score") - 0.5) > 0) & (longer * pl.col("length") > 0))
                shown = won.sort(longer * pl.col("length"), "id", descending=[True, False])["id"][:NUM_SHOWN]
                told = {name: row[name] for name in ("first", "second", "wins", "length_controlled")}
                found.append({"judge": judge["judge"], **told, "prompts": shown.to_list()})
    return found
