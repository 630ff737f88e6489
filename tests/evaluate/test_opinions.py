"""`evaluate` with a judge and people, from end to end, and the tables that tell of it."""

import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from stages.rows.grades import Grade, digest
from tests.grade.scripted_judge import QUALITY, Judge, make, reply_of, serving
from tests.here import run_here

NUM_PROMPTS, GRADED = 60, 40
ARMS = ("8b plain", "base-8b plain")


def clicks() -> list[Grade]:
    """Someone who grades as the replies are: the student is better."""
    common = {"is_repeat": False, "stratum": "rest", "share": 1.0, "seconds": 2.0, "line": "helpful"}
    found = []
    for number in range(GRADED):
        replies = tuple(digest(reply_of(arm.split()[0], number)) for arm in ARMS)
        grades = [3 + round(QUALITY[arm.split()[0]] + number % 3 - 1) for arm in ARMS]
        for arm, reply, grade in zip(ARMS, replies, grades, strict=True):
            found.append({"id": f"p{number}", "arms": (arm,), "replies": (reply,), "grade": grade} | common)
        found.append({"id": f"p{number}", "arms": ARMS, "replies": replies, "grade": "left"} | common)
    return [Grade.model_validate(one) for one in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make(tmp_path_factory.mktemp("opinions"), NUM_PROMPTS, "evaluate.num_resamples=1000")
    (folder / "data/prompts/retention.jsonl").write_text("")
    (folder / "metrics").mkdir()
    (folder / "metrics/generate.json").write_text('{"generate": {"cost": 1.0}}')
    (folder / "metrics/filter.json").write_text('{"filter": {}}')
    graders = folder / "data/grades/laptop-conversation"
    graders.mkdir(parents=True)
    stale = clicks()[0].model_copy(update={"replies": ("0" * 16,), "grade": 1})
    lines = [one.model_dump_json() for one in [*clicks(), stale]]
    (graders / "ann.jsonl").write_text("\n".join(lines) + "\n")
    with (
        serving({"org/judge": Judge(length=1.0)}) as (address, _),
        patch.dict(os.environ, OPENAI_BASE_URL=address, OPENAI_API_KEY="x"),
    ):
        for stage in ("grade", "evaluate"):
            code, printed = run_here(folder, stage)
            assert code == 0, printed
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics/evaluate.json").read_text())


def test_everyone_is_set_side_by_side_for_each_arm(report: dict[str, Any]) -> None:
    (student,) = [row for row in report["measures"] if row["arm"] == "8b plain"]
    assert {"chrf", "rougeL", "words", "judge", "people"} <= set(student)
    assert 3 < student["judge"] < 4.2


def test_people_and_judge_are_compared_by_line_and_by_pair_and_only_about_these_replies(report: dict[str, Any]) -> None:
    lines = {row["line"]: row for row in report["agreement"]}
    assert set(lines) == {"helpful", "pair"}
    assert lines["helpful"]["judge"]["verdicts"] == 2 * GRADED, "what was said of another text is left out"
    assert lines["pair"]["judge"]["verdicts"] == GRADED
    assert lines["helpful"]["people"] == {"value": None, "interval": None}, "of one grader"


def test_a_judge_that_draws_its_grades_does_not_rank(report: dict[str, Any]) -> None:
    ranking = {row["line"]: row for row in report["ranking"]}
    assert ranking["helpful"]["by"] == ranking["pair"]["by"] == "people"
    assert ranking["pair"]["arms"] == "8b plain > base-8b plain"


def test_the_columns_of_dvc_hold_none_of_it(report: dict[str, Any]) -> None:
    told = (
        "judges",
        "judges_agree",
        "agreement",
        "ranking",
        "standing",
        "pairs",
        "measures",
        "contradictions",
        "vanishing_wins",
    )
    assert all(isinstance(report[name], list) for name in told)


@pytest.mark.parametrize("markdown", [True, False])
def test_the_tables_tell_it(
    folder: Path, markdown: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.table.__main__ import main

    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["table", *(["--markdown"] if markdown else [])])
    monkeypatch.setenv("COLUMNS", "200")
    main()
    printed = capsys.readouterr().out
    for title in (
        "All measures side by side",
        "Judges: which way they lean",
        "Pairs as judges see them",
        "Agreement, 1 is",
        "Ranking",
    ):
        assert title in printed
    if markdown:
        assert "| judge | 8b plain | base-8b plain |" in printed
