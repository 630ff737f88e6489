"""TRL's trainer of preferences, but that rows come in our order, and that a step is a mean over its pairs and tokens.

TRL takes the mean of each pass and then the mean of these, so that the result depends on how many rows fit one. Here
passes are weighed by their pairs and, for the cross entropy, by their tokens. The loss of rows to validate on is the
cross entropy of the target, as under every objective.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from stages.train.arrow import CHOSEN, REJECTED
from stages.train.examples import IGNORED
from stages.train.order import Order
from stages.train.validation import target_loss

COLUMNS = ("input_ids", "labels", "rejected_ids", "rejected_labels", CHOSEN, REJECTED)


@dataclass
class PairCollator(DataCollatorForPreference):
    """Pairs as TRL collates them; rows to validate on as its SFT does."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        if "rejected_ids" not in examples[0]:
            return DataCollatorForLanguageModeling(self.pad_token_id)(examples)
        return super().torch_call([parted(example) for example in examples])


def parted(row: dict[str, Any]) -> dict[str, Any]:
    """A pair in TRL's columns; both replies begin with the same prompt, which is not learnt."""
    start = row["labels"].count(IGNORED)
    return {
        "prompt_ids": row["input_ids"][:start],
        "chosen_ids": row["input_ids"][start:],
        "rejected_ids": row["rejected_ids"][start:],
        CHOSEN: row[CHOSEN],
        REJECTED: row[REJECTED],
    }


class PairsTrainer(DPOTrainer):
    loss_is_scaled_for_ga = True  # by `compute_loss`

    def __init__(self, order: Order, **settings: Any) -> None:
        """`settings` are those of DPOTrainer; its data set holds COLUMNS, a pair in each row."""
        self._order = order
        super().__init__(**settings)
        _, self._cross_entropy = self.loss_weights
        self.data_collator = PairCollator(**vars(self.data_collator))

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:
        """As it is: it comes tokenised."""
        return dataset

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        """As it is: it comes with the reference's log-probabilities."""
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = list(COLUMNS)

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        return self._order

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """(2,): pairs and chosen tokens of a step, over all passes and processes."""
        counts = [torch.stack(counted(batch)) for batch in batch_samples]
        return self.accelerator.reduce(torch.stack(counts).sum(0).to(device))

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The pass's share of the step's loss, a scalar."""
        num_pairs, num_tokens = counted(inputs)
        pairs_of_step, tokens_of_step = num_items_in_batch
        # with those that fill up the last step of an epoch, of which no token is learnt: their loss is log 2
        num_rows = inputs["completion_mask"].shape[0] // 2
        terms = {"sigmoid": num_rows / pairs_of_step}
        if num_tokens:  # the mean of none is no number
            terms["sft"] = self._cross_entropy * num_tokens / tokens_of_step
        self.loss_types, self.loss_weights = list(terms), list(terms.values())
        loss: Any = super().compute_loss(model, inputs)
        of_filling = math.log(2) * (num_rows - num_pairs) / pairs_of_step
        return (loss - of_filling) * self.accelerator.num_processes  # of which the mean is taken

    def prediction_step(self, model: Any, inputs: Any, *_: Any, **__: Any) -> tuple[Any, None, None]:
        return target_loss(self, model, self._prepare_inputs(inputs)), None, None


def counted(batch: dict[str, Any]) -> tuple[Any, Any]:
    """Pairs that are learnt from, and tokens of their chosen replies."""
    chosen_BT = batch["completion_mask"].chunk(2)[0]
    return chosen_BT.any(1).sum(), chosen_BT.sum()
