"""Rows as a batch: ids and labels as TRL collates them, and what else a row brings along."""

from dataclasses import dataclass
from typing import Any

import torch
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

WEIGHT = "weight"  # a column: a number for each row, packed rows too


@dataclass
class Collator(DataCollatorForLanguageModeling):
    """TRL's batch; where rows have a weight, these as float32 of (rows,) besides."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super().torch_call(examples)
        if WEIGHT in examples[0]:
            batch[WEIGHT] = torch.tensor([example[WEIGHT] for example in examples], dtype=torch.float32)
        return batch
