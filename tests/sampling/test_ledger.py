"""Replies are kept whole batches at a time, once, and a full disk loses none that were kept."""

import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stages.sampling.ledger import Ledger, default_path
from stages.sampling.request import Model, Reply

MODEL = Model("transformers", "org/model", "a" * 40, "float32")


def reply(text: str) -> Reply:
    return Reply(text, "stop", 3, 2)


def test_what_is_put_is_got_and_the_rest_is_not(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(MODEL, [("a", reply("one")), ("b", Reply("zwölf \u2212 \x00", "length", 9, 64))])
    assert ledger.get(["b", "a", "c"]) == {"a": reply("one"), "b": Reply("zwölf \u2212 \x00", "length", 9, 64)}


def test_more_keys_than_sqlite_takes_in_one_statement(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(MODEL, [(str(i), reply(str(i))) for i in range(40_000)])
    found = ledger.get([str(i) for i in range(-5, 40_000)])
    assert len(found) == 40_000
    assert found["39999"] == reply("39999")


def test_the_first_reply_stays(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(MODEL, [("a", reply("first"))])
    ledger.put(MODEL, [("a", reply("second"))])
    assert ledger.get(["a"]) == {"a": reply("first")}


def test_it_lies_in_the_main_checkout_also_for_a_temporary_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", "/main/checkout")
    assert default_path() == Path("/main/checkout/.potstill/ledger.sqlite")


FILL = """
import sys
from pathlib import Path
from stages.sampling.ledger import Ledger
from stages.sampling.request import Model, Reply
ledger = Ledger(Path(sys.argv[1]))
for batch in range(1000):
    ledger.put(Model("transformers", "m", "r", "float32"), [(f"{batch}-{i}", Reply("x" * 1000, "stop", 1, 1)) for i in range(100)])
    print(batch, flush=True)
"""


def test_a_full_disk_is_one_clear_error_and_loses_no_kept_batch(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    limit = 3_000_000  # bytes a file may grow to

    def no_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run([sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, preexec_fn=no_space, check=False)
    kept = int(done.stdout.split()[-1]) + 1
    assert done.returncode == 1
    assert done.stderr.startswith(f"ledger {path}: ")
    assert "100 replies could not be kept, all earlier ones are" in done.stderr
    assert done.stderr.count("\n") == 1
    assert sqlite3.connect(path).execute("SELECT count(*) FROM replies").fetchone() == (100 * kept,)


def test_kill_minus_nine_leaves_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with subprocess.Popen([sys.executable, "-c", FILL, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = [process.stdout.readline() for _ in range(20)][-1]
        process.kill()
    (count,) = sqlite3.connect(path).execute("SELECT count(*) FROM replies").fetchone()
    assert count % 100 == 0
    assert count >= 100 * (int(last) + 1)
