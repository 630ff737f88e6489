"""A budget of rows: the best by a SQL expression, shares by domain, and clear errors."""

from pathlib import Path

import polars as pl
import pytest
from dvc.utils.hydra import apply_overrides

from benchmarks.planted import write
from stages.filter.__main__ import main
from stages.filter.params import Select
from stages.filter.selection import SCORES, not_selected
from tests.settings import copy_settings

ROWS = pl.DataFrame(
    {
        "row": range(6),
        "id": [f"p{i}" for i in range(6)],
        "task": "nli",
        "vote": ["a", "a", "a", "a", "b", "c"],
        "sample": 0,
        "words": [10, 20, 30, 40, 50, 60],
        "characters": [60, 120, 180, 240, 300, 360],
        "tokens": [1] * 6,
        "votes": [1] * 6,
        "agreement": [1.0] * 6,
        "judge": [None, 2.0, 3.0, 3.0, 5.0, 1.0],
        "perplexity": [1.5] * 6,
        "cluster": [1] * 6,
        "random": [0.5, 0.9, 0.1, 0.3, 0.2, 0.4],
    },
    schema_overrides={"row": pl.UInt32},
)


def lost(**asked: object) -> list[int]:
    select = Select.model_validate({"budget": 3, "order": "random", "domain": "task", "quotas": {}, "seed": 1} | asked)
    return not_selected(ROWS, select)["row"].to_list()


def test_random_keeps_the_rows_that_were_drawn_highest() -> None:
    assert lost() == [2, 3, 4]


def test_a_budget_is_of_train_rows_and_leaves_those_of_validation_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 problems a quarter or so are for validation, the same whatever the budget is."""
    write(tmp_path, 60, seed=3)
    copy_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = {}
    for budget in (0, 10):
        apply_overrides("params.yaml", ["filter.validation_share=0.25", f"filter.select.budget={budget}"])
        main()
        found[budget] = {name: Path(f"data/filtered/{name}.jsonl").read_text().splitlines() for name in ("train", "validation")}
    assert found[10]["validation"] == found[0]["validation"]
    assert found[0]["validation"], "there are some"
    assert len(found[10]["train"]) == 10 < len(found[0]["train"])


def test_the_highest_of_an_expression_stay_and_of_equals_the_first() -> None:
    assert lost(order="-words") == [3, 4, 5]
    assert lost(order="judge") == [0, 1, 5], "4, then 2 and 3; a row without a grade comes last"
    assert lost(order="judge", budget=2) == [0, 1, 3, 5]


def test_a_quota_is_a_share_of_the_budget_and_the_others_get_the_rest() -> None:
    assert lost(order="words", domain="answer", quotas={"a": 0.34}, budget=3) == [0, 1, 2], "one of a, the longest; then c and b"
    assert lost(order="words", domain="answer", quotas={"b": 0.67}, budget=3) == [0, 1, 2], "b has one row, so two are left for the others"


def test_what_is_lost_says_its_score() -> None:
    select = Select(budget=5, order="words", domain="task", quotas={}, seed=1)
    assert not_selected(ROWS, select)["detail"].to_list() == ["words is 10, not among the best 5"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"order": "wrods"}, f"params.yaml: filter.select.order: got 'wrods', wanted a SQL expression over {', '.join(SCORES)} "),
        ({"order": "words +"}, "params.yaml: filter.select.order: got 'words [+]', wanted a SQL expression over "),
        ({"domain": "DROP TABLE x"}, "params.yaml: filter.select.domain: got 'DROP TABLE x', wanted a SQL expression over "),
        (
            {"domain": "answer", "quotas": {"z": 0.5}},
            "filter.select.quotas: got the domain 'z', wanted one that filter.select.domain gives: a, b, c",
        ),
    ],
)
def test_a_bad_expression_is_one_clear_error(asked: dict[str, object], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        lost(**asked)
