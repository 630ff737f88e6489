"""Rows as a batch: ids and labels as TRL collates them, and what else their examples bring along."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
from trl.trainer.utils import pad

from stages.train.brought import Brought
from stages.train.examples import IGNORED

EXAMPLE = "example"  # a column: of each token, the number of its example
BROUGHT = ("weights_BT", "shares_BT", "slots_N", "ids_NK", "logprobs_NK")  # of a batch


@dataclass
class Collator(DataCollatorForLanguageModeling):
    """TRL's batch; where examples bring something, of each token its weight and share, and of the N learnt ones (row by
    row) where they stand among those of all examples, and the teacher's probabilities."""

    brought: Brought | None = None

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super().torch_call(examples)
        if self.brought is None or EXAMPLE not in examples[0]:  # rows to validate on bring nothing
            return batch
        numbers = [torch.tensor(example[EXAMPLE]) for example in examples]
        numbers = [torch.cat(numbers)] if self.padding_free else numbers
        numbers_BT = pad(numbers, padding_value=0, padding_side="right", pad_to_multiple_of=self.pad_to_multiple_of)
        slots_N = np.concatenate([slots(example, self.brought.starts_E) for example in examples])
        batch["weights_BT"] = torch.from_numpy(self.brought.weights_E)[numbers_BT]
        batch["shares_BT"] = torch.from_numpy(self.brought.shares_E)[numbers_BT]
        batch["slots_N"] = torch.from_numpy(slots_N)
        if self.brought.ids_SK is not None:
            batch["ids_NK"] = torch.from_numpy(self.brought.ids_SK[slots_N]).long()
            batch["logprobs_NK"] = torch.from_numpy(self.brought.logprobs_SK[slots_N])
        return batch


def slots(row: dict[str, Any], starts_E: Any) -> Any:
    """(N,) int64: where the learnt tokens of a row, which may hold several examples, stand among those of all."""
    numbers_T = np.asarray(row[EXAMPLE])[np.asarray(row["labels"]) != IGNORED]
    if not len(numbers_T):
        return np.zeros(0, np.int64)
    first = np.r_[True, numbers_T[1:] != numbers_T[:-1]]
    begins = np.flatnonzero(first)
    within_T = np.arange(len(numbers_T)) - np.repeat(begins, np.diff(np.r_[begins, len(numbers_T)]))
    return starts_E[numbers_T] + within_T
