"""The examples are tokenized once, a batch after the other, into files that all processes map."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from stages.train import arrow, known, prepare
from stages.train.examples import DATA, tokenize
from stages.train.objectives.table import OBJECTIVES
from stages.train.params import load
from tests.train.place import BASE, examples, make

Prepared = Callable[..., Path]

LAPTOP = "profiles.laptop.student-8b.train"
ROWS = examples(48)  # of at most 60 tokens
NONE_OF_VALIDATION = {"validation_truncated": 0, "validation_emptied": 0}
WORDS = " and again".join(["1 + 7 = 8"] * 20)
LONG_PROMPT = {**ROWS[0], "prompt": [{"role": "user", "content": WORDS}]}
LONG_ANSWER = {**ROWS[0], "completion": [{"role": "assistant", "content": WORDS}]}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(BASE)


@pytest.fixture
def prepared(tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """Makes the files of some rows to learn from and some to validate on, 7 at a time."""

    def run(learn: list[dict[str, Any]], validate: list[dict[str, Any]], *overrides: str) -> Path:
        monkeypatch.chdir(make(tmp_path, learn, validate, *overrides))
        monkeypatch.setattr(prepare, "BATCH", 7)
        prepare.prepare(tmp_path, load("8b"), tokenizer, {tokenizer.eos_token_id}, "8b")
        return tmp_path

    return run


def test_the_files_hold_the_examples_in_their_order(prepared: Prepared, tokenizer: Any) -> None:
    folder = prepared(ROWS[:40], ROWS[40:])
    assert arrow.head(folder, 99) == list(tokenize(ROWS[:40], tokenizer))
    validate = [example.labels for example in tokenize(ROWS[40:], tokenizer)]
    assert arrow.load(folder / "validation.arrow")["labels"][:] == validate
    assert json.loads((folder / "counts.json").read_text()) == {
        "examples": 40,
        "truncated": 0,
        "emptied": 0,
        **NONE_OF_VALIDATION,
    }
    assert not (folder / "packed.arrow").exists()


def test_what_is_cut_and_left_out_is_counted(prepared: Prepared) -> None:
    """Of three rows over 60 tokens two are prompts that leave nothing to learn."""
    rows = [*ROWS[:20], LONG_PROMPT, LONG_ANSWER, LONG_PROMPT, *ROWS[20:]]
    folder = prepared(rows, [], "train.overlong=truncate", f"{LAPTOP}.max_length=60")
    assert json.loads((folder / "counts.json").read_text()) == {
        "examples": 51,
        "truncated": 3,
        "emptied": 2,
        **NONE_OF_VALIDATION,
    }
    kept = arrow.head(folder, 99)
    assert len(kept) == 49
    assert len(kept[20].input_ids) == 60
    # a fault in a step names the lines of its examples
    assert [arrow.examples_in(row, 0) for row in arrow.load(folder / "train.arrow").select([20, 21])] == [[21], [23]]


def test_a_row_of_weight_0_is_not_learnt_and_not_counted_as_emptied(prepared: Prepared) -> None:
    rows = [*({**row, "weight": 1.0} for row in ROWS[:20]), {**ROWS[20], "weight": 0.0}, {**LONG_PROMPT, "weight": 1.0}]
    folder = prepared(rows, [], "train.overlong=truncate", f"{LAPTOP}.max_length=60")
    counts = json.loads((folder / "counts.json").read_text())
    assert (counts["examples"], counts["truncated"], counts["emptied"]) == (22, 1, 1)
    assert len(arrow.head(folder, 99)) == 20


def test_a_row_to_validate_on_is_cut_only_where_params_say_so_and_counted(prepared: Prepared) -> None:
    with pytest.raises(
        SystemExit, match="train-8b: 2 of 3 examples in data/selected/validation.jsonl have more than 60 tokens"
    ):
        prepared(ROWS, [ROWS[0], LONG_PROMPT, LONG_ANSWER], f"{LAPTOP}.max_length=60")


def test_rows_to_validate_on_that_are_cut_are_counted_apart(prepared: Prepared) -> None:
    folder = prepared(ROWS, [ROWS[0], LONG_PROMPT, LONG_ANSWER], "train.overlong=truncate", f"{LAPTOP}.max_length=60")
    counts = {"examples": 48, "truncated": 0, "emptied": 0, "validation_truncated": 2, "validation_emptied": 1}
    assert json.loads((folder / "counts.json").read_text()) == counts
    assert len(arrow.load(folder / "validation.arrow")) == 2


def test_rows_are_packed_before_the_training(prepared: Prepared) -> None:
    folder = prepared(ROWS[:40], [], f"{LAPTOP}.packing=true", f"{LAPTOP}.batch_size=2")
    rows = arrow.rows_to_learn(folder, packing=True)
    assert sorted(number for row in rows for number in arrow.examples_in(row, 0)) == list(range(40))
    assert max(sum(row["seq_lengths"]) for row in rows) <= 256


def test_too_few_rows_are_refused_when_they_are_packed(prepared: Prepared) -> None:
    """48 examples are three steps of 16; packed they are 10 rows."""
    with pytest.raises(SystemExit, match="train-8b: got 10 packed rows, wanted at least one step of 16"):
        prepared(ROWS, [], f"{LAPTOP}.packing=true")


def test_no_examples_are_refused(prepared: Prepared) -> None:
    with pytest.raises(SystemExit, match="train-8b: got 0 packed rows"):
        prepared([], [], f"{LAPTOP}.packing=true")


def test_what_decides_a_training_is_what_its_objective_reads() -> None:
    of_every = [DATA / "train.jsonl", DATA / "validation.jsonl"]
    assert prepare.sources(OBJECTIVES["plain"]) == prepare.sources(OBJECTIVES["on_policy"]) == of_every
    for name in ("redi", "dpo"):
        assert prepare.sources(OBJECTIVES[name]) == [*of_every, DATA / "negatives.jsonl"]
    assert prepare.sources(OBJECTIVES["taid"]) == [*of_every, known.FILE]
