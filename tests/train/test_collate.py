"""A batch is TRL's, and carries what its rows bring along besides."""

from typing import Any

import pytest
import torch
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from stages.train.collate import Collator

ROWS: list[dict[str, Any]] = [
    {"input_ids": [5, 6, 7], "labels": [-100, 6, 7], "weight": 0.5},
    {"input_ids": [8, 9], "labels": [-100, 9], "weight": 2.0},
]


def assert_equal(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if isinstance(value, torch.Tensor):
            assert found[name].dtype == value.dtype
            assert torch.equal(found[name], value), name
        else:
            assert found[name] == value, name


def test_rows_are_padded_and_keep_their_weight() -> None:
    assert_equal(
        Collator(pad_token_id=1)(ROWS),
        {
            "input_ids": torch.tensor([[5, 6, 7], [8, 9, 1]]),
            "labels": torch.tensor([[-100, 6, 7], [-100, 9, -100]]),
            "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
            "weight": torch.tensor([0.5, 2.0], dtype=torch.float32),
        },
    )


@pytest.mark.parametrize("padding_free", [False, True])
def test_rows_without_a_weight_are_a_batch_of_trl(padding_free: bool) -> None:
    rows = [{name: row[name] for name in ("input_ids", "labels")} for row in ROWS]
    theirs = DataCollatorForLanguageModeling(pad_token_id=1, padding_free=padding_free)(rows)
    assert_equal(Collator(pad_token_id=1, padding_free=padding_free)(rows), theirs)


def test_packed_rows_keep_their_weight() -> None:
    rows = [{**row, "seq_lengths": [len(row["input_ids"])]} for row in ROWS]
    theirs = DataCollatorForLanguageModeling(pad_token_id=1, padding_free=True)(rows)
    assert_equal(Collator(pad_token_id=1, padding_free=True)(rows), {**theirs, "weight": torch.tensor([0.5, 2.0])})
