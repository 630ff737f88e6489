"""A rubric has a sentence for each grade, and what is wrong with one is said."""

from pathlib import Path

import pytest

from stages.rubrics.rubric import GRADES, read_rubric
from stages.tasks.answers.table import TASKS
from tests.architecture.closure import ROOT

LINES = {
    "summarization": ["informative", "coherent", "attributable", "concise", "overall"],
    "conversation": ["helpful", "correct", "clear", "safe"],
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_rubric_whose_grades_mean_different_things(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    rubric = read_rubric(task)
    assert list(rubric.lines) == LINES.get(task, list(rubric.lines))
    assert all(len(set(line.grades.values())) == len(GRADES) for line in rubric.lines.values())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "      4: It is good.\n",
            "",
            r"lines.overall.grades: .*wanted a sentence for each of 1, 2, 3, 4, 5, in this order, got",
        ),
        ("ranks: overall", "ranks: style", r"ranks: got 'style', wanted one of the lines informative, coherent"),
        ("  coherent:", "  reasoning:", r"lines: got reasoning, wanted another name, for it has a meaning of its own"),
        ("reply: summary", "reply: ''", r"reply: String should have at least 1 character, got ''"),
        ("reply: summary", "reply: [", r"got no YAML \(.*\), wanted a rubric"),
        ("reply: summary", "repli: summary", r"repli: Extra inputs are not permitted, got 'summary'"),
    ],
)
def test_what_is_wrong_is_said(
    old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "data/rubrics/summarization.yaml").read_text()
    assert old in text
    (tmp_path / "data/rubrics").mkdir(parents=True)
    (tmp_path / "data/rubrics/summarization.yaml").write_text(text.replace(old, new))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=rf"data/rubrics/summarization.yaml: {message}"):
        read_rubric("summarization")


def test_a_task_without_a_rubric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="data/rubrics/sentiment.yaml: got no such file, wanted the rubric"):
        read_rubric("sentiment")
