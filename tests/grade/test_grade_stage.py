"""`grade` as dvc runs it: what it asks, what it keeps, and what it says of bad parameters."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from stages.rows.judged import ENTAILMENT, ENTAILMENT_COLUMNS, GRADE_COLUMNS, GRADES, PAIR_COLUMNS, PAIRS, read_judged
from tests.architecture.closure import ROOT
from tests.grade.scripted_judge import LINES, Judge, make, reply_of, serving, write_replies
from tests.here import run_here

JUDGE = {"org/judge": Judge()}


def run(folder: Path, *arguments: str, address: str = "") -> tuple[int, str]:
    with patch.dict(os.environ, OPENAI_BASE_URL=address, OPENAI_API_KEY="x"):
        return run_here(folder, "grade", *arguments)


def told(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics/grade.json").read_text())["grade"]


def test_where_it_is_off_nobody_is_asked_and_nothing_heavy_is_imported(tmp_path: Path) -> None:
    folder = make(tmp_path, 2, "grade.by=none")
    code = (
        "import runpy, sys; sys.argv[1:] = []; runpy.run_module('stages.grade', run_name='__main__'); "
        "print({'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'aiohttp', 'sklearn'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
    assert told(folder) == {"prompts": 0}
    assert len(read_judged(folder / GRADES, GRADE_COLUMNS)) == len(read_judged(folder / PAIRS, PAIR_COLUMNS)) == 0
    assert len(read_judged(folder / ENTAILMENT, ENTAILMENT_COLUMNS)) == 0
    assert not (folder / ".potstill").exists()


def test_each_reply_is_graded_once_and_each_pair_in_both_orders(tmp_path: Path) -> None:
    folder = make(tmp_path, 3)
    with serving(JUDGE) as (address, asked):
        code, printed = run(folder, address=address)
        assert code == 0, printed
        wrote = (folder / PAIRS).read_bytes(), (folder / GRADES).read_bytes()
        _, again = run(folder, address=address)
    # 3 arms, and the student against its base and the teacher in both orders
    assert len(asked) == 3 * 3 + 3 * 2 * 2
    assert "21 requests, 21 in the ledger, 0 to ask" in again
    assert ((folder / PAIRS).read_bytes(), (folder / GRADES).read_bytes()) == wrote
    grades, pairs = read_judged(folder / GRADES, GRADE_COLUMNS), read_judged(folder / PAIRS, PAIR_COLUMNS)
    assert Counter(grades["line"]) == dict.fromkeys(LINES, 9)
    assert set(pairs.select("first", "second", "shown_first").rows()) == {
        ("8b plain", other, order) for other in ("teacher plain", "base-8b plain") for order in (True, False)
    }
    assert told(folder)["judge"] == {
        "model": "org/judge",
        "related": "",
        "graded": 21,
        "unreadable": 0,
        "unanswered": 0,
        "forfeit": 0,
        "identical": 0,
        "prompt_tokens": 21 * 40,
        "completion_tokens": 21 * 10,
        "cost": round(21 * (40 * 1.0 + 10 * 2.0) / 1e6, 6),
    }


def test_the_judge_sees_the_question_the_replies_in_either_order_and_the_rubric(tmp_path: Path) -> None:
    folder = make(tmp_path, 1, "profiles.laptop.prompts.structured=true")
    with serving(JUDGE) as (address, asked):
        assert run(folder, address=address)[0] == 0
    singles = [body for body in asked if "<reply>" in body["messages"][1]["content"]]
    pairs = {body["messages"][1]["content"] for body in asked if "<A>" in body["messages"][1]["content"]}
    student, base = reply_of("8b", 0), reply_of("base-8b", 0)
    assert {
        f"<source>\nHello 0?\n</source>\n\n<A>\n{a}\n</A>\n\n<B>\n{b}\n</B>"
        for a, b in ((student, base), (base, student))
    } <= pairs
    schema = singles[0]["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["reasoning", *LINES], "grounds come first"
    assert "  3: It lacks a warning that it should have." in singles[0]["messages"][0]["content"]
    assert "Reply." not in singles[0]["messages"][0]["content"], "nor what format was asked for"


def test_a_reply_that_cannot_be_read_loses_and_two_that_are_the_same_tie_without_being_asked_about(
    tmp_path: Path,
) -> None:
    folder = make(tmp_path, 3)
    replies = [reply_of("8b", i) for i in range(3)]
    write_replies(folder, "base-8b", [replies[0], None, reply_of("base-8b", 2)])
    write_replies(folder, "8b", [replies[0], replies[1], None])
    with serving(JUDGE) as (address, asked):
        assert run(folder, address=address)[0] == 0
    pairs = read_judged(folder / PAIRS, PAIR_COLUMNS).filter(second="base-8b plain", shown_first=True)
    assert pairs.select("id", "status", "score").rows() == [
        ("p0", "identical", 0.5),
        ("p1", "forfeit", 1.0),
        ("p2", "forfeit", 0.0),
    ]
    grades = read_judged(folder / GRADES, GRADE_COLUMNS).filter(arm="base-8b plain", line="helpful")
    assert grades["status"].to_list() == ["graded", "forfeit", "graded"]
    assert grades["grade"][1] == 1
    assert told(folder)["judge"]["prompt_tokens"] == 40 * len(asked), "what two arms said alike is paid for once"
    # 6 of the 7 readable replies, as two are the same; of pairs the first two against the teacher in both orders
    assert len(asked) == 6 + 2 * 2


def test_a_dry_run_tells_what_each_judge_would_take_and_asks_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path, 3, judges=("judge", "second"))
    with serving(JUDGE) as (address, asked):
        code, printed = run(folder, "--dry-run", address=address)
    assert code == 0, printed
    lines = printed.splitlines()
    assert [line.split(":")[0] for line in lines] == ["org/judge", "org/second"]
    assert all("21 requests, 0 in the ledger, 21 to ask: about " in line and "cost at most" in line for line in lines)
    assert (asked, (folder / "data/judged").exists()) == ([], False)


def test_more_prompts_ask_only_the_new_ones(tmp_path: Path) -> None:
    folder = make(tmp_path, 6, "grade.num_prompts=2", "grade.how=rubric")
    with serving(JUDGE) as (address, asked):
        assert run(folder, address=address)[0] == 0
        few = set(read_judged(folder / GRADES, GRADE_COLUMNS)["id"])
        params = (folder / "params.yaml").read_text()
        (folder / "params.yaml").write_text(params.replace("num_prompts: 2", "num_prompts: 4"))
        assert run(folder, address=address)[0] == 0
    assert (len(few), told(folder)["prompts"], len(asked)) == (2, 4, 4 * 3)
    assert few < set(read_judged(folder / GRADES, GRADE_COLUMNS)["id"])


def test_a_judge_of_the_family_of_an_arm_is_told(tmp_path: Path) -> None:
    folder = make(tmp_path, 2, "profiles.laptop.teacher.model=big/Judge-405B-Instruct", "grade.how=pairs")
    with serving(JUDGE) as (address, _):
        _, printed = run(folder, address=address)
    assert "grade: judge is of the family of teacher, which it may favour" in printed
    assert told(folder)["judge"]["related"] == "teacher"
    pairs = read_judged(folder / PAIRS, PAIR_COLUMNS)
    assert set(pairs.select("second", "own").rows()) == {("teacher plain", "second"), ("base-8b plain", None)}


BAD = {
    "grade.by=gpt": "params.yaml: grade.by: got 'gpt', wanted none, or one or two roles of the profile laptop: teacher, "
    "base-8b, judge",
    "grade.by=teacher base-8b judge": "params.yaml: grade.by: got 'teacher base-8b judge', wanted none, or one or two",
    "grade.by=judge judge": "params.yaml: grade.by: got 'judge judge', wanted none, or one or two roles",
    "~grade.by": "params.yaml: grade.by: Field required, got ",
    "grade.how=single": "params.yaml: grade.how: got 'single', wanted rubric, pairs, or both",
    "grade.num_prompts=-1": "params.yaml: grade.num_prompts: Input should be greater than or equal to 0, got -1",
    "+grade.model=x": "params.yaml: grade.model: Extra inputs are not permitted, got 'x'",
    "+profiles.laptop.roles.nli={engine: openai, model: a/b, revision: '1', precision: auto, prompt_price: null, "
    "completion_price: null}": "params.yaml: profiles.laptop.roles.nli.engine: got openai, wanted transformers, which",
    "profiles.laptop.roles.judge.engine=vlm": "params.yaml: profiles.laptop.roles.judge.engine: Input should be",
}  # fmt: skip


@pytest.mark.parametrize("override", BAD)
def test_a_wrong_value_gives_one_clear_error(override: str, tmp_path: Path) -> None:
    code, printed = run(make(tmp_path, 1, override))
    assert code == 1
    assert printed.startswith(BAD[override]), printed
    assert "Traceback" not in printed
