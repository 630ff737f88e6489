"""Rows from JSONL and Parquet, each with its place; from the hub where there is no file."""

from pathlib import Path

import polars
import pytest

from stages.prompts.params import Hub
from stages.prompts.source import parse_line, read_file, read_rows


def test_jsonl_with_a_byte_order_mark_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"q": 1}\n\n{"q": 2}\n')
    assert list(read_file(path)) == [(f"{path} line 1", {"q": 1}), (f"{path} line 3", {"q": 2})]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    polars.DataFrame({"q": ["x", "y"], "a": [1, None]}).write_parquet(path)
    assert list(read_file(path)) == [(f"{path} row 0", {"q": "x", "a": 1}), (f"{path} row 1", {"q": "y", "a": None})]


def test_a_broken_line_is_worded_not_raised() -> None:
    assert parse_line('{"q": ') == "broken JSON: Expecting value at column 7"
    assert parse_line("[1]") == "got a JSON list, wanted an object"


def test_a_missing_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"data/sets/mine/train.jsonl: got no such file, wanted the rows that datasets.mine in params.yaml names"):
        list(read_rows("mine", "train.jsonl", None))


def test_a_file_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/sets/mine").mkdir(parents=True)
    (tmp_path / "data/sets/mine/train").with_suffix(".jsonl").write_text('{"q": 1}\n')
    hub = Hub(id="org/set", config=None, revision="a" * 40)
    assert [row for _, row in read_rows("mine", "train.jsonl", hub)] == [{"q": 1}]
