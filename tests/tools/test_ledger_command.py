"""What the ledger's command shows and does."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Model, Reply
from tests.architecture.closure import ROOT

TEACHER = Model("openai", "org/teacher", "1", "auto", 1.0, 2.0)
STUDENT = Model("vllm", "models/8b", "abc", "auto", None, None)


def command(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(root), "PATH": ""}
    return subprocess.run(
        [sys.executable, "-m", "tools.ledger", *words], env=environment, capture_output=True, text=True, check=False
    )


def key(number: int) -> bytes:
    return number.to_bytes(32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two replies of the teacher at 1 and 2 for a million tokens, one of a student."""
    ledger = Ledger(tmp_path / ".potstill/ledger.sqlite")
    ledger.put(
        TEACHER,
        [
            (key(1), Reply("one", "stop", 1_000_000, 500_000, "", "org/teacher fp")),
            (key(2), Reply("zwölf\n", "length", 3, 64, "", "")),
        ],
    )
    ledger.put(STUDENT, [(key(3), Reply("three", "stop", 5, 6, "", ""))])
    ledger.close()
    return tmp_path


def test_list_counts_by_model_and_day(root: Path) -> None:
    lines = [re.split(r"\s{2,}", line.strip()) for line in command(root, "list").stdout.splitlines()]
    day = lines[1][3]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)
    assert lines == [
        ["model", "revision", "engine", "day", "replies", "prompt tokens", "completion tokens", "cost"],
        ["models/8b", "abc", "vllm", day, "1", "5", "6", "unknown"],
        ["org/teacher", "1", "openai", day, "2", "1,000,003", "500,064", "2.00"],
        ["all", "3", "1,000,008", "500,070", "2.00 and unknown"],
    ]
    assert "models/8b" not in command(root, "list", "--model", "org/teacher").stdout


def test_verify_finds_a_damaged_page_and_a_row_that_is_no_reply(root: Path) -> None:
    path = root / ".potstill/ledger.sqlite"
    assert command(root, "verify").stdout == f"ledger {path}: 3 replies, all whole\n"
    with sqlite3.connect(path) as ledger:
        ledger.execute("UPDATE replies SET finish_reason = 'maybe' WHERE model = 'models/8b'")
    done = command(root, "verify")
    assert (done.returncode, done.stderr) == (1, f"ledger {path} is damaged: 1 rows are no replies\n")
    ledger.close()
    content = bytearray(path.read_bytes())
    content[-4096 * 2 :] = b"\xff" * 4096 * 2
    path.write_bytes(content)
    done = command(root, "verify")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_an_export_is_taken_elsewhere_once_and_whole(root: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "replies.parquet", tmp_path / "other"
    assert command(root, "export", str(file), "--model", "org/teacher").stdout == f"2 replies written to {file}\n"
    first = file.read_bytes()
    command(root, "export", str(file), "--model", "org/teacher")
    assert file.read_bytes() == first, "the same bytes, so that DVC sees no change"
    assert command(other, "import", str(file)).stdout == f"2 replies in {file}, 2 of them new here\n"
    assert command(other, "import", str(file)).stdout == f"2 replies in {file}, 0 of them new here\n"
    rows = [
        sqlite3.connect(folder / ".potstill/ledger.sqlite")
        .execute("SELECT * FROM replies WHERE key < ?", [key(3)])
        .fetchall()
        for folder in (root, other)
    ]
    assert rows[0] == rows[1]


def test_an_export_from_before_replies_had_reasoning_is_taken_too(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "replies.parquet"
    command(root, "export", str(file))
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(file).drop_columns("reasoning"), file)
    assert command(tmp_path / "other", "import", str(file)).stdout == f"3 replies in {file}, 3 of them new here\n"


def test_delete_drops_one_model_alone(root: Path) -> None:
    assert command(root, "delete").stderr == "delete: got no --model, wanted the one whose replies are to go\n"
    assert command(root, "delete", "--model", "org/teacher", "--revision", "2").stdout == "0 replies deleted\n"
    assert command(root, "delete", "--model", "org/teacher").stdout == "2 replies deleted\n"
    assert set(Ledger(root / ".potstill/ledger.sqlite").get([key(1), key(2), key(3)])) == {key(3)}


def test_bad_files_and_no_ledger_are_told_in_one_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("text")
    for words, message in [
        (["import", str(tmp_path / "text.parquet")], "wanted a Parquet file that `export` wrote"),
        (["import", str(tmp_path / "none.parquet")], "wanted a Parquet file that `export` wrote"),
    ]:
        done = command(root, *words)
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert (
        "got no such file, wanted one: nothing has been asked in this checkout yet"
        in command(tmp_path / "empty", "list").stderr
    )
