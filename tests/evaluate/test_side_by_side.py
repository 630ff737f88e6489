"""Planted contradictions are found, with the prompts that show them, and noise is none."""

from random import Random

import polars as pl

from stages.evaluate.judges import both_orders, report_judges
from stages.evaluate.side_by_side import contradictions, table, wins_that_vanish
from stages.rows.judged import GRADE_COLUMNS, PAIR_COLUMNS
from tests.evaluate.test_grade import EVALUATE

ARMS = ("8b plain", "base-8b plain")
IDS = [f"p{i:03}" for i in range(100)]


def noise(name: str, centre: float = 0.0) -> dict[str, float]:
    return {id: centre + Random(f"{name} {id}").gauss(0, 1) for id in IDS}


def test_two_measures_that_surely_move_apart_are_told_with_the_clearest_prompts() -> None:
    first = {
        "entity_density": noise("density", 2.0) | {"p007": 9.0},
        "faithfulness": noise("faith", -1.0) | {"p007": -9.0},
    }
    second = {"entity_density": noise("density 2"), "faithfulness": noise("faith 2")}
    (found,) = contradictions(dict(zip(ARMS, (first, second), strict=True)), {}, [ARMS], EVALUATE)
    assert (found["up"]["measure"], found["down"]["measure"]) == ("entity_density", "faithfulness")
    assert found["prompts"][0] == "p007"
    assert len(found["prompts"]) == 5
    assert all(first["entity_density"][id] > second["entity_density"][id] for id in found["prompts"])
    assert all(first["faithfulness"][id] < second["faithfulness"][id] for id in found["prompts"])


def test_measures_that_move_together_or_not_surely_or_a_length_are_no_contradiction() -> None:
    together = [{"accuracy": noise("a", c), "judge": noise("j", c), "words": noise("w", -c)} for c in (1.0, 0.0)]
    unsure = [{"accuracy": noise("a", 1.0), "judge": noise("j")}, {"accuracy": noise("b"), "judge": noise("k", 0.05)}]
    for values in (together, unsure):
        assert contradictions(dict(zip(ARMS, values, strict=True)), {}, [ARMS], EVALUATE) == []


def test_what_people_graded_counts_by_its_weight() -> None:
    """They prefer the base in most of what they were shown, which is where judge and measures disagree."""
    odd = set(IDS[:60])
    people = {id: -1.0 if id in odd else 1.0 for id in IDS}
    values = {
        ARMS[0]: {"rougeL": noise("r", 2.0), "people": people},
        ARMS[1]: {"rougeL": noise("s"), "people": dict.fromkeys(IDS, 0.0)},
    }
    weights = {id: 0.2 if id in odd else 2.2 for id in IDS}
    assert [row["down"]["measure"] for row in contradictions(values, {}, [ARMS], EVALUATE)] == ["people"]
    assert contradictions(values, weights, [ARMS], EVALUATE) == []
    assert table(values, weights)[0]["people"] == round((40 * 2.2 - 60 * 0.2) / 100, 4)


def pair(number: int, shown_first: bool, score: float, words: tuple[int, int]) -> dict[str, object]:
    return {
        "judge": "judge",
        "id": IDS[number],
        "status": "graded",
        "reasoning": "",
        "first": ARMS[0],
        "second": ARMS[1],
        "shown_first": shown_first,
        "score": score,
        "words_first": words[0],
        "words_second": words[1],
        "own": None,
    }


def test_a_win_that_is_all_length_is_told_with_the_longest_of_its_prompts() -> None:
    rows = []
    for number in range(len(IDS)):
        draw = Random(number)
        longer = draw.gauss(8, 10)
        for shown_first in (True, False):
            won = draw.random() < 1 / (1 + 2.718 ** (-longer / 6))
            rows.append(pair(number, shown_first, float(won), (60 + round(longer), 60)))
    compared = both_orders(pl.DataFrame(rows, schema=PAIR_COLUMNS, orient="row"))
    judges = report_judges(pl.DataFrame(schema=GRADE_COLUMNS), compared, EVALUATE)
    (found,) = wins_that_vanish(judges, compared)
    assert found["wins"]["interval"][0] > 0.5 >= found["length_controlled"]["interval"][0]
    longest = compared.filter(pl.col("score") > 0.5).sort("words_first", descending=True)["words_first"][0]
    assert compared.filter(id=found["prompts"][0])["words_first"].item() == longest


def test_a_pair_of_which_no_verdict_was_read_vanishes_without_a_fault() -> None:
    unread = {"wins": {"value": None, "interval": None}, "length_controlled": {"value": None, "interval": None}}
    row = {"first": ARMS[0], "second": ARMS[1]} | unread
    assert wins_that_vanish([{"judge": "judge", "comparisons": [row]}], pl.DataFrame()) == []


def test_a_few_prompts_contradict_nothing() -> None:
    up, down = dict.fromkeys(IDS[:9], 2.0), dict.fromkeys(IDS[:9], 1.0)
    first, second = ({"accuracy": up, "overall": down}, {"accuracy": down, "overall": up})
    assert contradictions(dict(zip(ARMS, (first, second), strict=True)), {}, [ARMS], EVALUATE) == []
