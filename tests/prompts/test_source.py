"""Rows from JSONL and Parquet, each with its place; from the hub where there is no file."""

from pathlib import Path

import polars
import pytest

from stages.prompts.source import parse_line, read_file, read_rows


def test_jsonl_with_a_byte_order_mark_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"q": 1}\n\n{"q": 2}\n')
    assert list(read_file(path)) == [(f"{path} line 1", {"q": 1}), (f"{path} line 3", {"q": 2})]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    polars.DataFrame({"q": ["x", "y"], "a": [1, None]}).write_parquet(path)
    assert list(read_file(path)) == [(f"{path} row 1", {"q": "x", "a": 1}), (f"{path} row 2", {"q": "y", "a": None})]


def test_a_broken_line_is_worded_not_raised() -> None:
    assert parse_line('{"q": ') == "broken JSON: Expecting value at column 7"
    assert parse_line("[1]") == "got a JSON list, wanted an object"


def test_a_missing_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SystemExit,
        match=(
            r"data/sets/mine/rows/train.jsonl: got no such file, wanted the rows that data/sets/mine/dataset.yaml "
            r"names"
        ),
    ):
        list(read_rows("mine", "train.jsonl", None))


def test_a_file_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/sets/mine/rows").mkdir(parents=True)
    (tmp_path / "data/sets/mine/rows/train").with_suffix(".jsonl").write_text('{"q": 1}\n')
    assert [row for _, row in read_rows("mine", "train.jsonl", ("org/set", "a" * 40, "train"))] == [{"q": 1}]


def test_the_hub_is_not_asked_without_a_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"hub data set org/set: got no revision, wanted a commit"):
        list(read_rows("mine", "train.jsonl", ("org/set", None, "train")))


def test_a_table_with_tabs_takes_quotes_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(
        '\ufeffPremise\tLabel\n"Life on Mars" is a series.\tneutral\n" HO " is a "game\tentailment\n'.encode()
    )
    rows = [
        {"Premise": '"Life on Mars" is a series.', "Label": "neutral"},
        {"Premise": '" HO " is a "game', "Label": "entailment"},
    ]
    assert list(read_file(path)) == [(f"{path} row 1", rows[0]), (f"{path} row 2", rows[1])]


def test_a_table_with_commas_has_quotes_around_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('q,a\n"one, two",007\n')
    assert list(read_file(path)) == [(f"{path} row 1", {"q": "one, two", "a": "007"})]


def test_a_table_of_uneven_rows_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("a\tb\n1\t2\t3\n")
    with pytest.raises(SystemExit, match=r"a\.tsv: got a table that cannot be read"):
        list(read_file(path))
