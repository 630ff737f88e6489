"""What a person is shown of the filter's rows, and that no text of a row does more than be read."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.show.__main__ import main
from tools.show.console import excerpt, harmless, places
from tools.show.view import Row, draw, evenly

WRONG = Row("p1", 0, "answer", "wrong", "got 20, the reference is 19", "19", "12 + 7?", "19", "12 + 7 = 20.\n\n#### 20")
NEAR = Row("p2", 1, "duplicate", "near_duplicate", "0.93 of its words are in another", "p9", "3 + 4?", "", "3 + 4 = 7. #### 7")
HOSTILE = Row("p3", 0, "answer", "wrong", "got [red]", "", "</script><img src=x onerror=alert(1)>", "7", "\x1b[31m[red]7[/red]\x9b\u202e <!--<script>\r")


def filtered(folder: Path, *rejected: Row, kept: int = 1) -> Path:
    """A folder with what the filter writes, `kept` examples all for training."""
    (folder / "data/filtered").mkdir(parents=True)
    (folder / "metrics").mkdir()
    counts = dict.fromkeys(("cut_off", "wrong", "near_duplicate"), 0) | Counter(row.reason for row in rejected)
    report = {"rows": len(rejected) + kept, "kept": kept, "train": kept, "validation": 0, "rejected": counts, "teacher_agreement": 0.5}
    (folder / "metrics/filter.json").write_text(json.dumps({"filter": report}))
    turns = {"prompt": [{"role": "system", "content": "Count."}, {"role": "user", "content": "1 + 1?"}], "completion": [{"role": "assistant", "content": "2"}]}
    write(folder / "data/filtered/rejected.jsonl", [row._asdict() for row in rejected])
    write(folder / "data/filtered/train.jsonl", [{"id": f"k{i}", "sample": 0, **turns} for i in range(kept)])
    write(folder / "data/filtered/validation.jsonl", [])
    return folder


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def embedded(page: Path) -> dict[str, Any]:
    """The page's data, cut out as a browser does: up to the first `</script`."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


THREE = """\
rows in                  4
wrong                    2   50.0 %
near_duplicate           1   25.0 %
kept                     1   25.0 %   1 to train, 0 to validate
no row: cut_off

3 of these rows, drawn at random and evenly by reason (seed 1):

wrong: got 20, the reference is 19
  id         p1, sample 0, rule answer
  question   12 + 7?
  reply      12 + 7 = 20.

             #### 20
  reference  19

wrong: got [red]
  id         p3, sample 0, rule answer
  question   </script><img src=x onerror=alert(1)>
  reply      ␛[31m[red]7[/red]<U+009B><U+202E> <!--<script>␍
  reference  7

near_duplicate: 0.93 of its words are in another
  id         p2, sample 1, rule duplicate
  question   3 + 4?
  reply      3 + 4 = 7. #### 7
  evidence   p9
"""


def test_into_a_pipe_the_rows_are_plain_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], filtered(tmp_path, WRONG, NEAR, HOSTILE))
    assert capsys.readouterr().out == THREE


def test_a_line_is_not_broken_and_a_question_shown_by_id_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = WRONG._replace(question="why " * 500)
    main(["--id", "p1"], filtered(tmp_path, long, NEAR))
    assert "  question   " + ("why " * 500).rstrip() in capsys.readouterr().out.splitlines()


def test_kept_rows_are_shown_with_prompt_and_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--kept"], filtered(tmp_path, WRONG))
    shown = "kept: in train\n  id         k0, sample 0\n  prompt     system: Count.\n\n             user: 1 + 1?\n  target     2\n"
    assert capsys.readouterr().out.endswith("\n\n" + shown)


def test_one_reason_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--reason", "near_duplicate"], filtered(tmp_path, WRONG, NEAR))
    assert re.findall(r"^  id +(\S+),", capsys.readouterr().out, re.MULTILINE) == ["p2"]


def test_an_unknown_reason_is_told_those_there_are(tmp_path: Path) -> None:
    told = "show: got --reason wrogn, wanted one of: cut_off (0), wrong (2), near_duplicate (1), kept (1)"
    with pytest.raises(SystemExit, match=f"^{re.escape(told)}$"):
        main(["--reason", "wrogn"], filtered(tmp_path, WRONG, NEAR, HOSTILE))


def test_an_unknown_id_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="^show: got --id p7, wanted the id of a row that is wrong$"):
        main(["--id", "p7", "--reason", "wrong"], filtered(tmp_path, WRONG))


@pytest.mark.parametrize("missing", ["metrics/filter.json", "data/filtered/rejected.jsonl", "data/filtered/validation.jsonl"])
def test_a_missing_file_is_told_with_what_writes_it(tmp_path: Path, missing: str) -> None:
    (filtered(tmp_path, WRONG) / missing).unlink()
    told = f"show {tmp_path / missing}: got no such file, wanted what the filter wrote: dvc repro filter"
    with pytest.raises(SystemExit, match=f"^{re.escape(told)}$"):
        main(["--html", str(tmp_path / "page.html")], tmp_path)


def test_rows_of_an_older_filter_are_told(tmp_path: Path) -> None:
    write(filtered(tmp_path, WRONG) / "data/filtered/rejected.jsonl", [{"id": "p1", "sample": 0, "reason": "wrong"}])
    with pytest.raises(SystemExit, match=r"rejected.jsonl, line 1: got no field 'rule', wanted id, sample, rule, .*: dvc repro filter$"):
        main([], tmp_path)


def test_rows_and_counts_of_different_runs_are_told(tmp_path: Path) -> None:
    write(filtered(tmp_path, WRONG, NEAR) / "data/filtered/rejected.jsonl", [WRONG._asdict()])
    with pytest.raises(SystemExit, match=r"^show: got the rows {'wrong': 1} in .*, wanted the {.*'near_duplicate': 1, 'kept': 1} of .*: dvc repro filter$"):
        main([], tmp_path)


def test_the_page_holds_the_rows_and_no_text_ends_its_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "new/page.html"
    main(["--html", str(page)], filtered(tmp_path, WRONG, NEAR, HOSTILE))
    data = embedded(page)
    assert capsys.readouterr().out == f"4 of 4 rows written to {page}\n"
    assert (data["rows"], data["seed"], data["counts"]) == (4, 1, [["cut_off", 0], ["wrong", 2], ["near_duplicate", 1], ["kept", 1]])
    assert [row["id"] for row in data["examples"]] == ["p1", "p3", "p2", "k0"]
    assert data["examples"][0] == WRONG._asdict()
    assert (data["examples"][1]["question"], data["examples"][1]["text"]) == (HOSTILE.question, "␛[31m[red]7[/red]<U+009B><U+202E> <!--<script>␍")
    assert "<img" not in page.read_text()


def test_the_page_needs_no_other_file_and_writes_text_as_text(tmp_path: Path) -> None:
    main(["--html", str(tmp_path / "page.html")], filtered(tmp_path, WRONG))
    text = (tmp_path / "page.html").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|https?:|<link|@import|\bsrc=|\burl\(", text)
    assert "default-src 'none'" in text


def test_a_page_holds_n_rows_of_each_reason(tmp_path: Path) -> None:
    rows = [row._replace(id=f"{row.id}-{i}") for i in range(9) for row in (WRONG, NEAR)]
    main(["--html", str(tmp_path / "page.html"), "-n", "4"], filtered(tmp_path, *rows, kept=6))
    assert Counter(row["reason"] for row in embedded(tmp_path / "page.html")["examples"]) == {"wrong": 4, "near_duplicate": 4, "kept": 4}


def test_n_rows_are_shared_evenly_as_far_as_the_counts_go() -> None:
    assert evenly(7, {"a": 100, "b": 1, "c": 0, "d": 100}) == {"a": 3, "b": 1, "c": 0, "d": 3}
    assert evenly(2, {"a": 9, "b": 9, "c": 9}) == {"a": 1, "b": 1, "c": 0}
    assert evenly(20, {"a": 2, "b": 1}) == {"a": 2, "b": 1}


def test_a_sample_depends_on_its_seed_and_on_its_reasons_rows_alone() -> None:
    rows = [WRONG._replace(sample=i) for i in range(1000)]
    drawn, seen = draw(iter(rows), {"wrong": 5}, seed=1)
    assert (len({row.sample for row in drawn}), seen) == (5, {"wrong": 1000})
    assert [row.sample for row in drawn] == sorted(row.sample for row in drawn)
    assert draw([NEAR, *rows, NEAR], {"near_duplicate": 1, "wrong": 5}, seed=1)[0][1:] == drawn
    assert draw(rows, {"wrong": 5}, seed=2)[0] != drawn


def test_every_row_is_drawn_as_often_as_another() -> None:
    rows = [WRONG._replace(sample=i) for i in range(10)]
    times = Counter(row.sample for seed in range(2000) for row in draw(rows, {"wrong": 3}, seed)[0])
    assert all(500 < times[i] < 700 for i in range(10)), "600 each, 20.5 the standard deviation"


def test_no_more_is_held_than_is_drawn() -> None:
    alive = 0

    class Told(str):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    most = 0

    def rows() -> Iterator[Row]:
        nonlocal alive, most
        for _ in range(1000):
            alive += 1
            yield WRONG._replace(text=Told("long"))
            most = max(most, alive)

    draw(rows(), {"wrong": 3}, seed=1)
    assert most <= 5, "3 drawn, the one in hand and the one before it"


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
