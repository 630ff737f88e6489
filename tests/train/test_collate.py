"""A batch is TRL's, and carries what its examples bring along besides."""

from typing import Any

import numpy as np
import pytest
import torch
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from stages.train.brought import Brought
from stages.train.collate import BROUGHT, Collator, slots

ROWS: list[dict[str, Any]] = [
    {"input_ids": [5, 6, 7], "labels": [-100, 6, 7], "example": [2, 2, 2]},
    {"input_ids": [8, 9], "labels": [-100, 9], "example": [0, 0]},
]
IDS = np.arange(8, dtype=np.int32).reshape(4, 2)  # of 4 learnt tokens: one of example 0, one of 1, two of 2
GIVEN = Brought(
    np.array([0.5, 1, 2], np.float32),
    np.array([1, 1, 0], np.float32),
    np.array([0, 1, 2]),
    np.zeros(4, np.int32),
    IDS,
    IDS.astype(np.float32),
)


@pytest.mark.parametrize("padding_free", [False, True])
def test_without_anything_brought_a_batch_is_trls(padding_free: bool) -> None:
    rows = [{name: row[name] for name in ("input_ids", "labels")} for row in ROWS]
    theirs = DataCollatorForLanguageModeling(pad_token_id=1, padding_free=padding_free)(rows)
    for brought in (None, GIVEN):  # rows to validate on have no `example`
        mine = Collator(pad_token_id=1, padding_free=padding_free, brought=brought)(rows)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(torch.as_tensor(mine[name]), torch.as_tensor(theirs[name])) for name in theirs)


def test_each_learnt_token_has_its_weight_share_and_the_teachers_probabilities() -> None:
    batch = Collator(pad_token_id=1, brought=GIVEN)(ROWS)
    assert set(BROUGHT) < set(batch)
    learnt_BT = batch["labels"] != -100
    assert batch["weights_BT"][learnt_BT].tolist() == [2, 2, 0.5]
    assert batch["shares_BT"][learnt_BT].tolist() == [0, 0, 1]
    assert batch["slots_N"].tolist() == [2, 3, 0]
    assert batch["ids_NK"].tolist() == [[4, 5], [6, 7], [0, 1]]


def test_packed_rows_find_the_tokens_of_each_of_their_examples() -> None:
    packed = {name: ROWS[0][name] + ROWS[1][name] for name in ROWS[0]} | {"seq_lengths": [3, 2]}
    batch = Collator(pad_token_id=1, padding_free=True, brought=GIVEN)([packed])
    assert batch["slots_N"].tolist() == [2, 3, 0]
    assert batch["weights_BT"].tolist() == [[2, 2, 2, 0.5, 0.5]]


def test_a_row_that_teaches_nothing_finds_none() -> None:
    assert len(slots({"labels": [-100], "example": [0]}, GIVEN.starts_E)) == 0
