"""What scripted graders of known habits are said to think, and how sure that is."""

from pathlib import Path

import pytest

from stages.rows.grades import Grade
from tests.tools.grade import world
from tools.grade.files import append, path_of
from tools.grade.progress import control, needed, results
from tools.grade.shown import Shown, Step
from tools.grade.summary import summarise


def fair(step: Step, shown: Shown) -> Grade:
    """Takes the good summary, which is the first arm's on two prompts of three."""
    left, right = (world.good(shown.views[arm][step.prompt.id]) for arm in step.arms)
    return step.graded("left" if left > right else "right" if right > left else "tie", 4.0)


def test_the_estimate_of_all_prompts_is_their_share(shown: Shown) -> None:
    (result,) = results(shown, {"anna": [fair(step, shown) for step in shown.steps]})
    assert result.estimate
    assert result.estimate.value == pytest.approx(2 / 3)
    assert result.estimate.low == result.estimate.high == result.estimate.value  # every prompt was graded
    few = results(shown, {"anna": [fair(step, shown) for step in shown.steps[:9]]})
    assert few[0].estimate is None
    assert needed(few) is None


def test_graders_are_averaged_and_repeats_are_for_the_control_alone(shown: Shown) -> None:
    """The one always takes the better, the other always a tie: 1 and 0.5 on two prompts of three, else 0 and 0.5."""
    by_grader = {
        "anna": [fair(step, shown) for step in shown.steps],
        "bob": [step.graded("tie", 1.0) for step in shown.steps],
    }
    (result,) = results(shown, by_grader)
    assert result.estimate
    assert result.estimate.value == pytest.approx(2 / 3 * 0.75 + 1 / 3 * 0.25)
    assert result.estimate.prompts == world.NUMBER


def test_who_grades_by_the_side_never_agrees_with_himself(shown: Shown) -> None:
    repeats = sum(step.is_repeat for step in shown.steps)
    assert repeats
    by_side = control([step.graded("left", 1.0) for step in shown.steps])
    assert (by_side.repeats, by_side.same, by_side.left) == (repeats, 0, 1.0)
    by_merit = control([fair(step, shown) for step in shown.steps])
    assert (by_merit.repeats, by_merit.same) == (repeats, repeats)
    assert by_merit.left
    assert 0.3 < by_merit.left < 0.7
    assert control([]) == (0, 0, None)


def test_the_summary_says_it_in_words(shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(summarise(shown)) == ["grade: no grades of laptop-summarization yet: make grade"]
    others = [shown.steps[0]._replace(replies=("0", "1")).graded("tie", 9.0)]  # texts that the arms no longer give
    append(path_of(shown.dataset, "anna") or Path(), others + [fair(step, shown) for step in shown.steps[:40]])
    grader, result = summarise(shown)
    assert grader.startswith("anna: 40 grades; 1 more of arms or replies that are not shown now; ")
    assert grader.endswith("; 4.0 seconds each")
    assert result.startswith("8b plain against base-8b plain, overall: ")
    assert "of 60 prompts; " in result
    assert result.endswith("more prompts would make it ± 0.05")
