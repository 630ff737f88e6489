"""Whether a score moved beyond chance, against cases of the literature and counts by hand."""

from typing import Any

import pytest

from tools.review.chance import Evaluated, compare


def report(
    arms: dict[str, float], rows: int = 500, forgotten: float = 0.2, measure: str = "accuracy"
) -> dict[str, Any]:
    """An interval of ±0.0196 is a standard error of 0.01."""
    return {
        "task": "math",
        "measure": measure,
        "arms": [
            {
                "model": name.split()[0],
                "style": name.split()[1],
                "rows": rows,
                "value": value,
                "interval": [value - 0.0196, value + 0.0196],
                "confidence": 0.95,
            }
            for name, value in arms.items()
        ],
        "retention": [{"student": "8b", "drop": forgotten, "interval": [forgotten - 0.0196, forgotten + 0.0196]}],
    }


def p_values(before: dict[str, Any], after: dict[str, Any], *named: str) -> dict[str, float]:
    found = compare(Evaluated(before, {}), Evaluated(after, {}), list(named))
    return {moved.name: moved.p for moved in found}


def test_fishers_tea() -> None:
    """Three of four against one of four: 17/70 in one tail, so 34/70 (Fisher 1935, The Design of Experiments)."""
    found = p_values(report({"8b plain": 0.75}, 4), report({"8b plain": 0.25}, 4), "8b.plain")
    assert found["8b.plain"] == pytest.approx(34 / 70)


def test_a_named_score_is_not_weakened_by_the_others() -> None:
    """470 of 500 against 450: Fisher's p is 0.02625 (R: fisher.test), doubled where two are named."""
    arms = {"8b plain": 0.94, "8b cot": 0.5, "70b plain": 0.8}
    after = report(arms | {"8b plain": 0.9})
    assert p_values(report(arms), after, "8b.plain")["8b.plain"] == pytest.approx(0.026252, abs=1e-6)
    assert p_values(report(arms), after, "8b.plain", "8b.cot")["8b.plain"] == pytest.approx(2 * 0.026252, abs=2e-6)
    assert p_values(report(arms), after)["8b.plain"] == pytest.approx(4 * 0.026252, abs=4e-6)  # forgetting is one too


def test_what_is_no_share_goes_by_its_interval() -> None:
    """A difference of 0.0277 with a standard error of 0.01 √2 is 1.96 of them: p = 0.05."""
    before, after = report({"8b plain": 0.1}, measure="chrf"), report({"8b plain": 0.1277186}, measure="chrf")
    found = p_values(before, after, "8b.plain")
    assert found == {"8b.plain": pytest.approx(0.05, abs=1e-4), "forgetting.8b": 1.0}


def test_a_measure_without_spread_moved_if_it_is_another() -> None:
    before = report({"8b plain": 0.0}, measure="chrf")
    before["arms"][0]["interval"] = [0.0, 0.0]
    after = report({"8b plain": 0.5}, measure="chrf")
    after["arms"][0]["interval"] = [0.5, 0.5]
    assert p_values(before, after, "8b.plain")["8b.plain"] == 0.0
    assert p_values(before, before, "8b.plain")["8b.plain"] == 1.0


def test_another_task_is_not_compared() -> None:
    assert p_values(report({"8b plain": 0.5}), report({"8b plain": 0.1}) | {"task": "nli"}) == {}


def test_the_same_questions_are_compared_in_pairs() -> None:
    """Two gained and ten lost of a hundred: McNemar's exact p is 2 × (1 + 12 + 66) / 2^12."""
    questions = [str(number) for number in range(100)]
    old, new = [1] * 70 + [0] * 30, [1] * 60 + [0] * 38 + [1] * 2
    before, after = report({"8b plain": 0.7}, 100), report({"8b plain": 0.62}, 100)
    told = Evaluated(before, {"questions": questions, "8b plain": old})
    found = compare(told, Evaluated(after, {"questions": questions, "8b plain": new}), ["8b.plain"])[0]
    assert (found.name, found.test, found.p) == ("8b.plain", "McNemar", pytest.approx(2 * 79 / 4096))
    others = compare(told, Evaluated(after, {"questions": questions[::-1], "8b plain": new}), ["8b.plain"])[0]
    assert others.test == "Fisher", "they are not the same questions"
    assert others.p > 0.2
