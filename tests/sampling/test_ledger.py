"""Replies are kept whole batches at a time, once, and a full disk loses none that were kept."""

import resource
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stages.sampling.ledger.store import Ledger, default_path
from stages.sampling.request import Model, Reply

MODEL = Model("transformers", "org/model", "a" * 40, "float32", 1.0, 2.0)


def reply(text: str) -> Reply:
    return Reply(text, "stop", 3, 2, "", "")


def test_what_is_put_is_got_and_the_rest_is_not(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(MODEL, [(b"a", reply("one")), (b"b", Reply("zwölf \u2212 \x00", "length", 9, 64, "", "org/model fp_1"))])
    assert ledger.get([b"b", b"a", b"c"]) == {
        b"a": reply("one"),
        b"b": Reply("zwölf \u2212 \x00", "length", 9, 64, "", "org/model fp_1"),
    }


def test_more_keys_than_sqlite_takes_in_one_statement(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(MODEL, [(b"%d" % i, reply(str(i))) for i in range(40_000)])
    found = ledger.get([b"%d" % i for i in range(-5, 40_000)])
    assert len(found) == 40_000
    assert found[b"39999"] == reply("39999")


def test_the_first_reply_stays(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(MODEL, [(b"a", reply("first"))])
    ledger.put(MODEL, [(b"a", reply("second"))])
    assert ledger.get([b"a"]) == {b"a": reply("first")}


def test_it_lies_in_the_main_checkout_also_for_a_temporary_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", "/main/checkout")
    assert default_path() == Path("/main/checkout/.potstill/ledger.sqlite")


FILL = """
import sys
from pathlib import Path
from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Model, Reply
ledger = Ledger(Path(sys.argv[1]))
for batch in range(1000):
    ledger.put(Model("transformers", "m", "r", "float32", 0.0, 0.0), [(b"%d-%d" % (batch, i), Reply("x" * 1000, "stop", 1, 1, "", "")) for i in range(100)])
    print(batch, flush=True)
"""


def test_a_full_disk_is_one_clear_error_and_loses_no_kept_batch(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    limit = 3_000_000  # bytes a file may grow to

    def no_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, preexec_fn=no_space, check=False
    )
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


FORM_1 = """
CREATE TABLE replies (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    engine TEXT NOT NULL, model TEXT NOT NULL, revision TEXT NOT NULL, day TEXT NOT NULL
) WITHOUT ROWID
"""


def test_a_ledger_of_the_first_form_stays_readable(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "l.sqlite") as old:
        old.execute(FORM_1)
        old.execute(
            "INSERT INTO replies VALUES (?, 'text', 'stop', 3, 2, 'transformers', 'm', 'r', '2026-11-20')",
            (b"a".hex(),),
        )
    assert Ledger(tmp_path / "l.sqlite").get([b"a"]) == {b"a": reply("text")}
    assert Ledger(tmp_path / "l.sqlite").get([b"a"]) == {b"a": reply("text")}, "and once brought up to date it stays so"


FORM_2 = """
CREATE TABLE replies (
    key BLOB PRIMARY KEY NOT NULL, text TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    engine TEXT NOT NULL, model TEXT NOT NULL, revision TEXT NOT NULL, served TEXT NOT NULL, day TEXT NOT NULL, cost REAL NOT NULL
);
CREATE TABLE claims (key BLOB PRIMARY KEY NOT NULL, owner TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 2;
"""


def test_a_ledger_of_the_second_form_keeps_its_replies_and_costs(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "l.sqlite") as old:
        old.executescript(FORM_2)
        old.execute(
            "INSERT INTO replies VALUES (?, 'text', 'stop', 3, 2, 'openai', 'm', 'r', 'm fp', '2026-11-20', 0.5)",
            (b"a",),
        )
    ledger = Ledger(tmp_path / "l.sqlite")
    assert ledger.get([b"a"]) == {b"a": Reply("text", "stop", 3, 2, "", "m fp")}
    assert ledger.connection.execute("SELECT cost, reasoning FROM replies").fetchall() == [(0.5, "")]


def test_a_ledger_of_a_later_form_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    Ledger(path).connection.execute("PRAGMA user_version = 4")
    with pytest.raises(SystemExit, match=f"ledger {path}: got form 4, wanted 3 or earlier: a later Potstill wrote it"):
        Ledger(path)


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "l.sqlite").write_text("something else, and long enough to be told from an empty file" * 100)
    with pytest.raises(SystemExit, match="file is not a database"):
        Ledger(tmp_path / "l.sqlite")


CLAIM = """
import sys, time
from pathlib import Path
from stages.sampling.ledger.store import Ledger
ledger = Ledger(Path(sys.argv[1]))
print(sorted(ledger.claim([b"a", b"b", b"c"])), flush=True)
time.sleep(600)
"""


def test_what_a_living_process_claims_is_left_to_it_and_a_dead_ones_claims_are_void(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.claim([b"a"]) == {b"a"}
    ledger.put(MODEL, [(b"b", reply("there"))])
    with subprocess.Popen([sys.executable, "-c", CLAIM, str(ledger.path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "[b'c']\n", "a is claimed here, b has its reply"
        assert ledger.claim([b"a", b"b", b"c", b"d"]) == {b"a", b"d"}
        other.kill()
    assert ledger.claim([b"c"]) == {b"c"}
    ledger.release()
    assert ledger.connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    assert list((tmp_path / "owners").iterdir()) == []


def test_two_ledgers_of_one_process_claim_apart(tmp_path: Path) -> None:
    first, second = (Ledger(tmp_path / "ledger.sqlite") for _ in range(2))
    assert first.claim([b"a", b"b"]) == {b"a", b"b"}
    assert second.claim([b"b", b"c"]) == {b"c"}
    assert first.claim([b"c"]) == set(), "nor does the first take what the second claims"
    with subprocess.Popen([sys.executable, "-c", CLAIM, str(first.path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "[]\n", "their locks still show another process that they live"
        other.kill()
    first.release()
    assert second.claim([b"a", b"b"]) == {b"a", b"b"}


def test_the_cost_of_an_unpriced_reply_is_unknown(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(replace(MODEL, prompt_price=None), [(b"a", reply("one"))])
    assert ledger.connection.execute("SELECT cost FROM replies").fetchone() == (None,)


def test_a_claim_whose_owner_left_no_trace_is_void(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.connection.execute("INSERT INTO claims VALUES (?, 'nobody')", (b"a",))
    assert ledger.claim([b"a"]) == {b"a"}
    assert ledger.connection.execute("SELECT owner FROM claims").fetchone() != ("nobody",)


OPEN = """
import sys
from pathlib import Path
from stages.sampling.ledger.store import Ledger
print(len(Ledger(Path(sys.argv[1])).get([b"a"])))
"""


def test_eight_processes_bring_an_old_ledger_up_to_date_at_once(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "l.sqlite") as old:
        old.execute(FORM_1)
        rows = [
            ((b"a" if i == 0 else b"%d" % i).hex(), "text", "stop", 3, 2, "transformers", "m", "r", "2026-11-20")
            for i in range(20_000)
        ]
        old.executemany("INSERT INTO replies VALUES (?,?,?,?,?,?,?,?,?)", rows)
    command = [sys.executable, "-c", OPEN, str(tmp_path / "l.sqlite")]
    opened = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    assert [process.communicate() for process in opened] == [("1\n", "")] * 8


def test_a_reply_ends_its_claim(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.claim([b"a", b"b"])
    ledger.put(MODEL, [(b"a", reply("one"))])
    assert ledger.connection.execute("SELECT key FROM claims").fetchall() == [(b"b",)]
