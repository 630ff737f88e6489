"""The files that all processes map hold what was tokenized; packed examples do not see each other."""

from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.data_utils import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from stages.train import arrow
from stages.train.examples import IGNORED, Tokens, tokenize
from tests.train.place import BASE, examples


@pytest.fixture(scope="module")
def some() -> list[Tokens]:
    return list(tokenize(examples(3), AutoTokenizer.from_pretrained(BASE)))


def numbers(count: int) -> list[Tokens]:
    """Examples of 1 to 40 tokens."""
    return [Tokens(list(range(n % 40 + 1)), [IGNORED, *range(1, n % 40 + 1)]) for n in range(count)]


def batches(written: list[Tokens], first: int) -> list[list[tuple[int, Tokens]]]:
    """Numbered: some, none, and the others."""
    numbered = list(enumerate(written))
    return [numbered[:first], [], numbered[first:]]


def test_examples_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = numbers(7)
    assert arrow.write(tmp_path / "train.arrow", batches(written, 4), numbered=False) == 7
    rows = arrow.load(tmp_path / "train.arrow")
    assert [Tokens(row["input_ids"], row["labels"]) for row in rows] == written
    assert rows.data.schema.types == [pa.list_(pa.int32())] * 2, "4 bytes a token, not 8"
    assert arrow.head(tmp_path, 2) == written[:2]
    assert arrow.head(tmp_path, 9) == written


def test_no_examples_are_a_file_without_rows(tmp_path: Path) -> None:
    assert arrow.write(tmp_path / "validation.arrow", [], numbered=False) == 0
    assert len(arrow.load(tmp_path / "validation.arrow")) == 0


def test_a_mapped_file_takes_no_memory_of_the_process(tmp_path: Path) -> None:
    """Nor does it with a row more: 2,000 examples of 500 tokens are 8 MB of ids and labels."""
    arrow.write(tmp_path / "train.arrow", ([(0, Tokens([7] * 500, [7] * 500))] * 500 for _ in range(4)), numbered=False)
    assert (tmp_path / "train.arrow").stat().st_size > 8_000_000
    before = pa.total_allocated_bytes()
    rows = arrow.with_filler(arrow.load(tmp_path / "train.arrow"), 9)
    assert (len(rows), rows[1999]["input_ids"][:2], rows[2000]["input_ids"]) == (2001, [7, 7], [9])
    assert pa.total_allocated_bytes() - before < 10_000


def test_the_filler_teaches_nothing(some: list[Tokens], tmp_path: Path) -> None:
    for packing in (False, True):
        arrow.write(tmp_path / "train.arrow", batches(some[:1], 9), packing)
        if packing:
            arrow.pack(tmp_path, 256)
        rows = arrow.with_filler(arrow.rows_to_learn(tmp_path, packing), 7)
        assert (rows[1]["input_ids"], rows[1]["labels"]) == ([7], [IGNORED])
        assert len(rows) == 2


def test_packed_rows_are_those_of_trl(tmp_path: Path) -> None:
    """Over more examples than TRL packs at a time, and written in other batches."""
    written = numbers(2_500)
    arrow.write(tmp_path / "train.arrow", batches(written, 700), numbered=True)
    arrow.pack(tmp_path, 64)
    columns = {"input_ids": [e.input_ids for e in written], "labels": [e.labels for e in written]}
    columns |= {"example": [[number] * len(e.input_ids) for number, e in enumerate(written)]}
    theirs = pack_dataset(datasets.Dataset.from_dict(columns), 64, "bfd")
    mine = arrow.rows_to_learn(tmp_path, packing=True)
    assert mine.column_names == ["input_ids", "labels", "example", "seq_lengths"]
    assert mine.to_dict() == {name: theirs[name][:] for name in mine.column_names}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed.arrow", "train.arrow"]


def test_packed_rows_know_their_examples_and_none_sees_another(some: list[Tokens], tmp_path: Path) -> None:
    arrow.write(tmp_path / "train.arrow", batches(some, 9), numbered=True)
    arrow.pack(tmp_path, 256)
    (row,) = arrow.rows_to_learn(tmp_path, packing=True)
    assert row["seq_lengths"] == sorted((len(example.input_ids) for example in some), reverse=True)
    assert arrow.examples_in(row, 0) == [0, 1, 2]
    assert arrow.examples_in({"input_ids": [1]}, 5) == [5]
    model: Any = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    batch = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)([row])
    with torch.no_grad():
        packed = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits[0]
        start = 0
        for length in row["seq_lengths"]:
            alone = model(input_ids=batch["input_ids"][:, start : start + length], use_cache=False).logits[0]
            assert torch.allclose(packed[start : start + length], alone, atol=1e-5)
            start += length
