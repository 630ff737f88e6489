"""The row: declared once, written by parts, read by columns."""

import hashlib
from pathlib import Path

import polars as pl
import pytest

from stages.rows.prompt import Message, Prompt
from stages.rows.row import (
    COLUMNS,
    STAGES,
    batches,
    count_rows,
    read_rows,
    schema,
    score_schema,
    scores_in,
    to_row,
    write_rows,
    writing,
)
from stages.sampling.request import Reply

TURNS = [("system", "Be brief."), ("user", "1 + 1?"), ("assistant", "2"), ("user", "And é\u2028?")]
MESSAGES = [Message(role=role, content=content) for role, content in TURNS]
STEPS = [Message(role="system", content="Think."), *MESSAGES[1:]]
PROMPT = Prompt(
    id="p", task="math", reference="3", solution="", choices=[], messages={"plain": MESSAGES, "cot": STEPS}, schemas={}
)
ROW = to_row(PROMPT, "train", "org/teacher", "cot", 1, Reply("3", "stop", 9, 1, "", "", "so 3"))


def test_a_reply_becomes_the_columns_of_generate() -> None:
    assert list(ROW) == schema("generate").names()
    assert ROW["question"] == "1 + 1?\n2\nAnd é\u2028?", "the conversation, without the system's turn"
    assert ROW["instruction"] == "Be brief.\nThink."
    assert [turn["content"] for turn in ROW["messages"]] == ["Be brief.", "1 + 1?", "2", "And é\u2028?"]
    assert (ROW["source"], ROW["style"], ROW["sample"], ROW["reasoning"]) == ("org/teacher", "cot", 1, "so 3")


def test_every_stage_has_the_columns_before_it_and_its_own() -> None:
    assert {column.stage for column in COLUMNS.values()} == set(STAGES)
    assert schema("select").names() == list(COLUMNS)
    assert schema("select", ["s_judge"]).names()[-4:] == ["s_judge", "weight", "tag", "negative"]
    assert score_schema(["judge", "x"]).names() == ["id", "style", "sample", "s_judge", "s_x"]
    assert all(column.meaning for column in COLUMNS.values())


@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_is_written_by_parts_is_read_back_and_the_same_rows_are_the_same_bytes(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.rows.row.ROWS_AT_ONCE", 2)
    rows = [ROW | {"sample": sample} for sample in range(count)]
    for name in ("one", "two"):
        write_rows(tmp_path / name, iter(rows), schema("generate"))
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("one", "two")}
    assert len(digests) == 1
    assert [len(batch) for batch in batches(tmp_path / "one", ("id",))] == {0: [], 1: [1], 5: [2, 2, 1]}[count]
    assert read_rows(tmp_path / "one", tuple(schema("generate"))).to_dicts() == rows
    assert count_rows(tmp_path / "one") == count


def test_a_column_that_is_not_there_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", [ROW], schema("generate"))
    with pytest.raises(
        SystemExit, match=r"rows.parquet: got the columns id, .*, wanted target too; run `dvc repro filter`"
    ):
        read_rows(tmp_path / "rows.parquet", ("id", "target"))


@pytest.mark.parametrize("content", [None, b"", b"PAR1 but no more"])
def test_what_is_no_such_file_is_one_clear_error(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "rows.parquet").write_bytes(content)
    with pytest.raises(
        SystemExit, match=r"rows.parquet: got no rows \(.+\), wanted the file that a stage writes; run `dvc repro`"
    ):
        read_rows(tmp_path / "rows.parquet", ("id",))


def test_a_column_more_than_declared_is_left_out(tmp_path: Path) -> None:
    with writing(tmp_path / "rows.parquet", score_schema(["judge", "none"])) as write:
        write(pl.DataFrame({"id": ["p"], "style": ["cot"], "sample": [0], "s_judge": [4], "s_none": [None], "x": [1]}))
    assert scores_in(tmp_path / "rows.parquet") == ["s_judge", "s_none"]
    (row,) = read_rows(tmp_path / "rows.parquet", ("id", "s_judge", "s_none")).rows()
    assert row == ("p", 4.0, None)
