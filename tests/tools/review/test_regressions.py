"""A metric that must not drop."""

from pathlib import Path

import pytest

from tests.settings import copy_settings
from tools.review.chance import Moved
from tools.review.regressions import check, found, load

SCORES = {"8b.plain", "1b.plain"}
METRICS = {
    "8b.plain": {"old": 0.94, "new": 0.9},
    "filter.passed": {"old": 3888, "new": 3887},
    "task": {"old": "math", "new": "math"},
    "select.kept": {"old": 5, "new": None},
    "1b.plain": {"old": None, "new": 0.1},
}


def test_a_score_drops_beyond_chance_only_and_any_other_metric_by_one() -> None:
    assert found(["8b.plain"], METRICS, SCORES, [Moved("8b.plain", 0.94, 0.9, 0.026, "McNemar")], 0.05) == [
        "8b.plain fell from 0.94 to 0.9 (p = 0.026)"
    ]
    assert found(["8b.plain"], METRICS, SCORES, [Moved("8b.plain", 0.94, 0.9, 0.052, "McNemar")], 0.05) == []
    assert found(["filter.passed"], METRICS, SCORES, [], 0.05) == ["filter.passed fell from 3,888 to 3,887"]


def test_a_rise_is_none_a_new_one_is_none_and_one_that_is_gone_is_one() -> None:
    risen = {"8b.plain": {"old": 0.1, "new": 0.9}}
    assert found(["8b.plain"], risen, SCORES, [Moved("8b.plain", 0.1, 0.9, 0.0, "McNemar")], 0.05) == []
    assert found(["1b.plain", "select.kept"], METRICS, SCORES, [], 0.05) == ["select.kept was 5 and is no more"]


def test_a_score_of_another_task_is_none() -> None:
    assert found(["8b.plain"], METRICS, SCORES, [], 0.05) == []


@pytest.mark.parametrize("name", ["8b.plian", "task"])
def test_a_name_that_is_no_number_is_one_clear_error(name: str) -> None:
    check(["8b.plain", "select.kept"], METRICS)
    message = f"params.yaml: review.must_not_drop: got {name}, which is no number in metrics/, wanted some of 1b.plain"
    with pytest.raises(SystemExit, match=message):
        check([name], METRICS)


def test_names_are_words_and_a_key_too_many_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy_settings(tmp_path, "review.must_not_drop=8b.plain filter.passed")
    assert load() == ["8b.plain", "filter.passed"]
    copy_settings(tmp_path, "+review.must_not_rise=x")
    with pytest.raises(SystemExit, match="review.must_not_rise: Extra inputs are not permitted"):
        load()
