"""What a teacher has told is kept part by part, and taken from there."""

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.logits import kept
from stages.logits.examples import Example, Scored
from stages.logits.found import Found
from stages.logits.kept import Kept, folder
from stages.sampling.request import Model
from tests.architecture.closure import ROOT
from tests.here import run_here
from tests.logits.teaching import Row, make

EXAMPLE = Example("train", "p1", "cot", 0, [], [], "")
MODEL = Model("openai", "org/model", "a", "bfloat16", 1.0, 1.0)
Answers = list[tuple[Scored, Found]]


def rows(numbers: range, learnt: int = 2) -> list[Scored]:
    return [Scored(EXAMPLE, [number, *range(learnt)], 1) for number in numbers]


def told(row: Scored) -> Found:
    shape = (len(row.ids) - row.start, 8)
    return Found(np.full(shape, row.ids[0], np.int32), np.full(shape, -row.ids[0], np.float32))


def answers(some: list[Scored]) -> Iterator[Answers]:
    return ([(row, told(row))] for row in some)


def to_ask(kept: Kept, some: list[Scored]) -> list[int]:
    return [row.ids[0] for row in filter(kept.to_ask(), some)]


def test_what_is_kept_is_read_in_the_order_of_the_rows_and_the_rest_is_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "ROWS_OF_PART", 3)
    monkeypatch.setattr(kept, "ROWS_AT_ONCE", 4)
    Kept(tmp_path).keep(answers(rows(range(5, 12))))
    assert len(list(tmp_path.iterdir())) == 3, "7 rows are parts of 3, 3 and 1"
    again = Kept(tmp_path)
    assert to_ask(again, rows(range(3, 14))) == [3, 4, 12, 13]
    again.keep(answers(rows(range(3, 5))))
    asked = rows(range(11, 2, -1))
    for (row, found), expected in zip(again.read(asked), asked, strict=True):
        assert row == expected
        assert (found.token_ids == told(row).token_ids).all()
        assert (found.logprobs == told(row).logprobs).all()


def test_rows_of_like_tokens_are_asked_once_and_those_of_another_start_are_others(tmp_path: Path) -> None:
    one, other = Scored(EXAMPLE, [1, 2, 3], 1), Scored(EXAMPLE, [1, 2, 3], 2)
    assert list(filter(Kept(tmp_path).to_ask(), [one, other, one])) == [one, other]


def test_what_came_before_a_fault_is_kept(tmp_path: Path) -> None:
    def failing() -> Iterator[Answers]:
        yield from answers(rows(range(3)))
        raise SystemExit("gone")

    with pytest.raises(SystemExit, match="gone"):
        Kept(tmp_path).keep(failing())
    assert to_ask(Kept(tmp_path), rows(range(5))) == [3, 4]


def test_answers_that_come_together_stay_in_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a kill between them would change the neighbours in a local model's passes."""
    monkeypatch.setattr(kept, "ROWS_OF_PART", 3)
    together = [list(zip(some, map(told, some), strict=True)) for some in (rows(range(5)), rows(range(5, 7)))]
    Kept(tmp_path).keep(together)
    assert sorted(len(kept.keys_in(part)) for part in tmp_path.iterdir()) == [2, 5]


def test_a_torn_part_is_asked_again(tmp_path: Path) -> None:
    for some in (range(2), range(2, 4)):
        Kept(tmp_path).keep(answers(rows(some)))
    whole, torn = tmp_path.glob("*.parquet")
    torn.write_bytes(torn.read_bytes()[:100])
    (tmp_path / "killed.parquet.part").write_bytes(whole.read_bytes()[:100])
    assert len(to_ask(Kept(tmp_path), rows(range(4)))) == 2


def test_two_at_once_keep_what_both_were_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ROWS_OF_PART", 2)
    one, other = Kept(tmp_path), Kept(tmp_path)

    def meanwhile() -> Iterator[Answers]:
        yield from answers(rows(range(3)))
        other.keep(answers(rows(range(2, 6))))
        yield from answers(rows(range(3, 5)))

    one.keep(meanwhile())
    assert to_ask(Kept(tmp_path), rows(range(7))) == [6]
    for here in (one, other, Kept(tmp_path)):
        assert [found.token_ids[0, 0] for _, found in here.read(rows(range(2, 5)))] == [2, 3, 4]


def test_memory_holds_some_rows_and_not_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 rows of 100 tokens and 8 numbers for each are 6.4 MB, 64 of them 0.4 MB."""
    monkeypatch.setattr(kept, "ROWS_OF_PART", 50)
    monkeypatch.setattr(kept, "ROWS_AT_ONCE", 64)
    some = rows(range(1000), learnt=100)
    tracemalloc.start()
    here = Kept(tmp_path)
    here.keep(answers(some))
    assert sum(1 for _ in here.read(some)) == 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3e6


def test_the_folder_is_the_main_checkouts_and_one_for_all_that_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", "/main/checkout")
    here = folder(MODEL, 5)
    assert here.parent == Path("/main/checkout/.potstill/logits")
    assert folder(replace(MODEL, prompt_price=None), 5) == here
    for changed in ({"name": "org/other"}, {"revision": "b"}, {"precision": "float32"}):
        assert folder(replace(MODEL, **changed), 5) != here
    assert folder(MODEL, 6) != here
    endpoint = replace(MODEL, name=str(tmp_path))
    model = replace(endpoint, engine="transformers")
    local = {folder(replace(model, precision=one), 5) for one in ("auto", "float32", "bfloat16")}
    assert folder(endpoint, 5) not in local
    assert len(local) == 2, "auto is what this machine has"


@pytest.mark.slow
def test_a_killed_pass_of_a_local_model_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    learnt: list[Row] = [
        ("train", f"p{n}", 0, f"Tom has {n} books. How many books does Tom have?", f"{n % 9 * 'so '}#### {n}")
        for n in range(1000, 1600)
    ]
    whole, killed = (make(tmp_path / name, learnt=learnt, top_k=8) for name in ("whole", "killed"))
    code, said = run_here(whole, "logits")
    assert code == 0, said
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(killed)}
    with subprocess.Popen(
        [sys.executable, "-m", "stages.logits"], cwd=killed, env=environment, stderr=subprocess.DEVNULL
    ) as running:
        deadline = time.monotonic() + 120
        while not list(killed.glob(".potstill/logits/*/*.parquet")):
            assert time.monotonic() < deadline, "waited too long"
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
    assert not (killed / "data/logits/topk.parquet").exists()
    code, said = run_here(killed, "logits")
    assert code == 0, said
    assert "teacher: 512 rows are kept, 88 to ask" in said
    assert (killed / "data/logits/topk.parquet").read_bytes() == (whole / "data/logits/topk.parquet").read_bytes()
    assert (killed / "metrics/logits.json").read_bytes() == (whole / "metrics/logits.json").read_bytes()
