"""What a person is shown of a stage's rows, and that no text of a row does more than be read."""

import json
import re
from collections import Counter
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stages.rows.parquet import write_rows, writing
from stages.rows.row import COLUMNS, schema
from tools.show.__main__ import main
from tools.show.console import excerpt, harmless, places
from tools.show.view import draw, evenly

ROW: dict[str, Any] = {
    **dict.fromkeys(COLUMNS),
    **{name: "" for name, column in COLUMNS.items() if column.stage == "generate" and column.type == pl.String},
    **{"style": "cot", "sample": 0, "finish_reason": "stop", "is_validation": False, "weight": 1.0, "tag": ""},
}
WRONG = ROW | {
    **{"id": "p1", "reason": "wrong", "detail": "got 20, the reference is 19", "evidence": "19", "target": "no"},
    **{"question": "12 + 7?", "reference": "19", "text": "12 + 7 = 20.\n\n#### 20"},
}
NEAR = ROW | {
    **{"id": "p2", "sample": 1, "reason": "near_duplicate", "detail": "0.93 of its words are in another"},
    **{"evidence": "p9", "question": "3 + 4?", "text": "3 + 4 = 7. #### 7"},
}
HOSTILE = ROW | {
    **{"id": "p3", "reason": "wrong", "detail": "got [red]", "evidence": "", "reference": "7"},
    **{"question": "</script><img src=x onerror=alert(1)>", "text": "\x1b[31m[red]7[/red]\x9b\u202e <!--<script>\r"},
}
LOW = ROW | {"id": "p4", "reason": "judged_low", "detail": "the judge gives 2.0", "s_judge": 2.0, "text": "5"}
KEPT = ROW | {
    **{"id": "k", "target": "2", "question": "1 + 1?", "text": "2!"},
    "messages": [{"role": "system", "content": "Count."}, {"role": "user", "content": "1 + 1?"}],
}
SELECTED = Path("data/selected/rows.parquet")
FILTERED = Path("data/filtered/rows.parquet")


def selected(folder: Path, *rows: dict[str, Any]) -> Path:
    """A folder with what filter and select write of these rows; the rules of select are "judged_low" alone."""
    passed = [row | {"reason": None} if row["reason"] == "judged_low" else row for row in rows]
    filtered(folder, *passed)
    write_rows(folder / SELECTED, rows, schema("select", ["s_judge", "s_entropy"]))
    kept = [row for row in rows if row["reason"] is None]
    num_low = sum(row["reason"] == "judged_low" for row in rows)
    num_validation = sum(row["is_validation"] for row in kept)
    told = {"rows": len(kept) + num_low, "kept": len(kept), "rejected": {"judged_low": num_low}, "brought_back": 0}
    write_metrics(folder, "select", told | {"train": len(kept) - num_validation, "validation": num_validation})
    return folder


def filtered(folder: Path, *rows: dict[str, Any]) -> Path:
    write_rows(folder / FILTERED, [{name: row[name] for name in schema("filter")} for row in rows], schema("filter"))
    found = Counter(row["reason"] for row in rows if row["reason"])
    counts = dict.fromkeys(("cut_off", "wrong", "near_duplicate"), 0) | found
    write_metrics(folder, "filter", {"rows": len(rows), "passed": len(rows) - found.total(), "rejected": counts})
    return folder


def write_metrics(folder: Path, stage: str, told: dict[str, Any]) -> None:
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / f"metrics/{stage}.json").write_text(json.dumps({stage: told}))


def replied(path: Path, *rows: dict[str, Any]) -> None:
    write_rows(path, [{name: row[name] for name in schema("generate")} for row in rows], schema("generate"))


def ids(printed: str) -> list[str]:
    return re.findall(r"^  id +(\S+),", printed, re.MULTILINE)


def embedded(page: Path) -> dict[str, Any]:
    """The page's data, cut out as a browser does: up to the first `</script`."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


FIVE = """\
rows in                  5
wrong                    2   40.0 %
near_duplicate           1   20.0 %
judged_low               1   20.0 %
kept                     1   20.0 %   1 to train, 0 to validate
no row: cut_off

4 of these rows of select, drawn at random and evenly by reason (seed 1):

wrong: got 20, the reference is 19
  id         p1, cot, sample 0
  question   12 + 7?
  reply      12 + 7 = 20.

             #### 20
  reference  19

wrong: got [red]
  id         p3, cot, sample 0
  question   </script><img src=x onerror=alert(1)>
  reply      ␛[31m[red]7[/red]<U+009B><U+202E> <!--<script>␍
  reference  7

near_duplicate: 0.93 of its words are in another
  id         p2, cot, sample 1
  question   3 + 4?
  reply      3 + 4 = 7. #### 7
  evidence   p9

judged_low: the judge gives 2.0
  id         p4, cot, sample 0
  question
  reply      5
  s_judge    2
"""


def test_into_a_pipe_the_rows_are_plain_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], selected(tmp_path, WRONG, NEAR, KEPT, HOSTILE, LOW))
    assert capsys.readouterr().out == FIVE


def test_before_select_has_run_the_filters_rows_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], filtered(tmp_path, WRONG, KEPT, KEPT))
    printed = capsys.readouterr().out
    assert "\nkept                     2   66.7 %\n" in printed
    assert "1 of these rows of filter," in printed
    assert ids(printed) == ["p1"]


def test_rows_of_select_from_before_the_filters_are_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], filtered(selected(tmp_path, KEPT, LOW), WRONG))
    assert ids(capsys.readouterr().out) == ["p1"]


def test_a_line_is_not_broken_and_a_question_shown_by_id_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--id", "p1"], selected(tmp_path, WRONG | {"question": "why " * 500}, NEAR))
    assert "  question   " + ("why " * 500).rstrip() in capsys.readouterr().out.splitlines()


def test_kept_rows_are_shown_with_prompt_and_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--kept"], selected(tmp_path, WRONG, KEPT))
    shown = "  id         k, cot, sample 0\n  prompt     system: Count.\n\n             user: 1 + 1?\n  target     2\n"
    assert capsys.readouterr().out.endswith("\n\nkept: to train\n" + shown)


def test_what_is_beside_the_target_is_shown_where_it_says_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"s_judge": 4.5, "s_entropy": 0.0, "weight": 0.0}
    found = {"tag": "easy", "negative": "\x1b 3", "private": "e-mail", "is_validation": True}
    main(["--kept"], selected(tmp_path, KEPT | scores | found))
    told = "\n  private    e-mail\n  weight     0\n  tag        easy\n  negative   ␛ 3\n"
    printed = capsys.readouterr().out
    assert printed.endswith(told + "  s_judge    4.5\n  s_entropy  0\n")
    assert "kept: to validate\n" in printed


def test_a_wrong_row_that_is_learnt_as_a_bad_one_is_kept_and_tells_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = filtered(
        selected(tmp_path, WRONG | {"reason": None, "tag": "bad", "messages": KEPT["messages"]}, KEPT), WRONG, KEPT
    )
    told = {"rows": 1, "kept": 2, "train": 2, "validation": 0, "rejected": {"judged_low": 0}, "brought_back": 1}
    write_metrics(folder, "select", told)
    main(["--kept"], folder)
    printed = capsys.readouterr().out
    assert "\n  target     no\n  why        got 20, the reference is 19\n  tag        bad\n" in printed
    assert "no row: cut_off, wrong, near_duplicate, judged_low\n" in printed


def test_replies_are_shown_with_what_went_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut, lost = {"finish_reason": "length"}, {"finish_reason": "unanswered", "error": "\x1b timeout", "text": ""}
    path = tmp_path / "data/completions/completions.parquet"
    replied(path, WRONG | {"reasoning": "Hm."}, NEAR | cut, HOSTILE | lost)
    main(["--stage", "generate"], tmp_path)
    first, second, third = capsys.readouterr().out.split("\n\n  id ")[1:]
    assert first.endswith("reply      12 + 7 = 20.\n\n             #### 20\n  reasoning  Hm.\n  reference  19")
    assert second.endswith("  reply          3 + 4 = 7. #### 7\n  finish_reason  length")
    assert third.endswith("  finish_reason  unanswered\n  error          ␛ timeout\n")


def test_predictions_of_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replied(tmp_path / "data/predictions/8b.parquet", WRONG)
    main(["--stage", "predict", "--model", "8b"], tmp_path)
    head = "rows in           1\n\n1 of these rows of predict 8b, drawn at random (seed 1):\n\n"
    assert capsys.readouterr().out.startswith(head + "  id         p1, cot, sample 0\n")


def test_an_id_is_shown_in_every_style_and_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "data/completions/completions.parquet"
    replied(path, WRONG, NEAR, WRONG | {"style": "cod"}, WRONG | {"sample": 1})
    main(["--stage", "generate", "--id", "p1"], tmp_path)
    found = re.findall("p1, (.*)", capsys.readouterr().out)
    assert found == ["cot, sample 0", "cod, sample 0", "cot, sample 1"]


def test_rows_are_found_in_whatever_row_group_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [KEPT if i % 3 else WRONG | {"id": f"p{i}", "evidence": ""} for i in range(30)]
    selected(tmp_path, *rows)
    with writing(tmp_path / SELECTED, schema("select")) as write:
        for i in range(0, 30, 7):
            write(pl.DataFrame(rows[i : i + 7], schema=schema("select")))
    main([], tmp_path)
    assert ids(capsys.readouterr().out) == [f"p{i}" for i in range(0, 30, 3)]


def test_one_reason_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--reason", "near_duplicate"], selected(tmp_path, WRONG, NEAR))
    assert ids(capsys.readouterr().out) == ["p2"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--reason", "wrogn"],
            "got --reason wrogn, wanted one of: cut_off (0), wrong (2), near_duplicate (1), judged_low (0), kept (1)",
        ),
        (["--id", "p7", "--reason", "wrong"], "got --id p7, wanted the id of a row that is wrong"),
        (["--stage", "generate", "--id", "p7"], "got --id p7, wanted the id of a row of generate"),
        (["--stage", "generate", "--kept"], "got --kept and --stage generate, wanted --stage filter or select with it"),
        (
            ["--stage", "predict", "--model", "8b", "--reason", "wrong"],
            "got --reason wrong and --stage predict, wanted --stage filter or select with it",
        ),
        (["--model", "8b"], "got --model 8b and no --stage, wanted --stage predict with it"),
        (["--stage", "predict"], "got --stage predict and no --model, wanted --model with one of: 8b, teacher"),
        (["--stage", "predict", "--model", "../8b"], "got --model ../8b, wanted --model with one of: 8b, teacher"),
    ],
)
def test_what_is_asked_for_and_is_not_there_is_told(tmp_path: Path, arguments: list[str], told: str) -> None:
    selected(tmp_path, WRONG, NEAR, HOSTILE, KEPT)
    for path in ("completions/completions", "predictions/8b", "predictions/teacher"):
        replied(tmp_path / f"data/{path}.parquet", WRONG)
    with pytest.raises(SystemExit, match=f"^{re.escape(f'show: {told}')}$"):
        main(arguments, tmp_path)


@pytest.mark.parametrize(
    ("missing", "arguments", "stage"),
    [
        ("metrics/filter.json", [], "filter"),
        ("metrics/select.json", [], "select"),
        ("data/filtered/rows.parquet", ["--stage", "filter"], "filter"),
        ("data/selected/rows.parquet", ["--stage", "select"], "select"),
        ("data/completions/completions.parquet", ["--stage", "generate"], "generate"),
    ],
)
def test_a_missing_file_is_told_with_what_writes_it(
    tmp_path: Path, missing: str, arguments: list[str], stage: str
) -> None:
    (selected(tmp_path, WRONG) / missing).unlink(missing_ok=True)
    told = f"show {tmp_path / missing}: got no such file, wanted what {stage} writes: dvc repro {stage}"
    with pytest.raises(SystemExit, match=f"^{re.escape(told)}$"):
        main(arguments, tmp_path)


def test_where_no_stage_has_run_the_filter_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"filtered/rows.parquet: got no such file, .*: dvc repro filter$"):
        main([], tmp_path)
    with pytest.raises(SystemExit, match=r"predictions: got no predictions, wanted .*: dvc repro evaluate$"):
        main(["--stage", "predict", "--model", "8b"], tmp_path)


def test_rows_of_an_older_stage_are_told(tmp_path: Path) -> None:
    columns = pl.Schema({name: type for name, type in schema("filter").items() if name != "evidence"})
    write_rows(filtered(tmp_path, WRONG) / FILTERED, [{name: WRONG[name] for name in columns}], columns)
    with pytest.raises(SystemExit, match=r"got the columns id, .*, wanted evidence too; run `dvc repro filter`$"):
        main([], tmp_path)


def test_metrics_of_an_older_stage_are_told(tmp_path: Path) -> None:
    write_metrics(filtered(tmp_path, WRONG), "filter", {"rows": 1, "kept": 0, "rejected": {}})
    with pytest.raises(SystemExit, match=r"filter.json: got rows, kept, rejected, wanted passed too: dvc repro filter"):
        main([], tmp_path)


def test_rows_and_counts_of_different_runs_are_told(tmp_path: Path) -> None:
    write_rows(selected(tmp_path, WRONG, NEAR, KEPT) / SELECTED, [WRONG, KEPT], schema("select"))
    got = r"rows.parquet: got the rows {'wrong': 1, 'kept': 1}"
    with pytest.raises(SystemExit, match=got + r", wanted the {.*'near_duplicate': 1, .*} of .*: dvc repro select$"):
        main([], tmp_path)


def test_the_page_holds_the_rows_and_no_text_ends_its_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "new/page.html"
    main(["--html", str(page)], selected(tmp_path, WRONG, NEAR, KEPT, HOSTILE))
    data = embedded(page)
    assert capsys.readouterr().out == f"4 of 4 rows written to {page}\n"
    assert (data["name"], data["rows"], data["seed"]) == ("select", 4, 1)
    assert data["counts"] == [["cut_off", 0], ["wrong", 2], ["near_duplicate", 1], ["judged_low", 0], ["kept", 1]]
    assert [row["id"] for row in data["examples"]] == ["p1", "p3", "p2", "k"]
    assert data["examples"][0] == {
        **{name: WRONG[name] for name in ("id", "style", "sample", "reason", "detail", "evidence")},
        "texts": [["question", "12 + 7?"], ["reply", WRONG["text"]], ["reference", "19"]],
    }
    question, reply, _ = data["examples"][1]["texts"]
    assert question == ["question", HOSTILE["question"]]
    assert reply == ["reply", "␛[31m[red]7[/red]<U+009B><U+202E> <!--<script>␍"]
    assert "<img" not in page.read_text()


def test_a_page_of_rows_without_reasons(tmp_path: Path) -> None:
    replied(tmp_path / "data/predictions/8b.parquet", WRONG, HOSTILE)
    main(["--stage", "predict", "--model", "8b", "--html", str(tmp_path / "page.html")], tmp_path)
    data = embedded(tmp_path / "page.html")
    assert (data["name"], data["rows"], data["counts"]) == ("predict 8b", 2, [])
    assert [(row["id"], row["reason"]) for row in data["examples"]] == [("p1", ""), ("p3", "")]


def test_the_page_needs_no_other_file_and_writes_text_as_text(tmp_path: Path) -> None:
    main(["--html", str(tmp_path / "page.html")], selected(tmp_path, WRONG))
    text = (tmp_path / "page.html").read_text()
    outside = r"https?:|<link|@import|\bsrc=|\burl\("
    assert not re.search(rf"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|{outside}", text)
    assert "default-src 'none'" in text


def test_a_page_holds_n_rows_of_each_reason(tmp_path: Path) -> None:
    rows = [row | {"id": f"{row['id']}-{i}"} for i in range(9) for row in (WRONG, NEAR, KEPT)]
    main(["--html", str(tmp_path / "page.html"), "-n", "4"], selected(tmp_path, *rows))
    held = Counter(row["reason"] for row in embedded(tmp_path / "page.html")["examples"])
    assert held == {"wrong": 4, "near_duplicate": 4, "kept": 4}


def test_n_rows_are_shared_evenly_as_far_as_the_counts_go() -> None:
    assert evenly(7, {"a": 100, "b": 1, "c": 0, "d": 100}) == {"a": 3, "b": 1, "c": 0, "d": 3}
    assert evenly(2, {"a": 9, "b": 9, "c": 9}) == {"a": 1, "b": 1, "c": 0}
    assert evenly(20, {"a": 2, "b": 1}) == {"a": 2, "b": 1}


def test_a_sample_depends_on_its_seed_and_on_its_reasons_rows_alone() -> None:
    drawn, seen = draw(repeat("a", 1000), {"a": 5}, seed=1)
    assert (len(set(drawn)), seen) == (5, {"a": 1000})
    assert drawn == sorted(drawn)
    among, _ = draw(chain("b", repeat("a", 1000), "b"), {"b": 1, "a": 5}, seed=1)
    assert among[1:] == [place + 1 for place in drawn]
    assert draw(repeat("a", 1000), {"a": 5}, seed=2)[0] != drawn


def test_every_row_is_drawn_as_often_as_another() -> None:
    times = Counter(place for seed in range(2000) for place in draw(repeat("a", 10), {"a": 3}, seed)[0])
    assert all(500 < times[place] < 700 for place in range(10)), "600 each, 20.5 the standard deviation"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\0\x07\x1b\x7f", "␀␇␛<U+007F>"),
        ("a\u202eb\u2066c\u200b\ufeff", "a<U+202E>b<U+2066>c<U+200B><U+FEFF>"),
        ("\U000e0041", "<U+E0041>"),
        ("👩\u200d🔬 क्\u200dष क्\u200cष", "👩\u200d🔬 क्\u200dष क्\u200cष"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("evidence", "text", "found"),
    [
        ("4", "14 + 4 = 18", ["4"]),
        ("$4", "it costs $4.", ["$4"]),
        ("Eggs  per\nday", "16 eggs per day", ["eggs per day"]),
        ("りんご", "赤いりんごが3つ", ["りんご"]),
        ("a.c", "abc", []),
    ],
)
def test_where_the_evidence_stands(evidence: str, text: str, found: list[str]) -> None:
    pattern = places(evidence)
    assert pattern is not None
    assert pattern.findall(text) == found


def test_no_evidence_is_nowhere() -> None:
    assert places(" ") is None


def test_an_excerpt_keeps_both_ends_and_the_evidence() -> None:
    text = "a" * 50 + " x " + "b" * 50
    assert excerpt(text, 103, None) == text
    assert excerpt(text, 30, None) == "a" * 10 + " [… 83 characters …] " + "b" * 10
    assert excerpt(text, 30, places("x")) == "a" * 10 + " [… 36 characters …] aaaa x bbb [… 37 characters …] bbbbbbbbbb"
