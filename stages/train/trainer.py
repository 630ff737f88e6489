"""TRL's trainer, but that rows come in our order and that the loss is the objective's."""

from typing import Any

from trl.trainer.sft_trainer import SFTTrainer

from stages.train.collate import Collator
from stages.train.objective import Objective
from stages.train.order import Order


class Trainer(SFTTrainer):
    def __init__(self, objective: Objective, order: Order, **settings: Any) -> None:
        """`settings` are those of SFTTrainer."""
        self._objective, self._order = objective, order
        super().__init__(**settings)
        # afterwards, because TRL takes no other collator for packed rows, and pads otherwise with one it is given
        self.data_collator = Collator(**vars(self.data_collator))
        self._set_signature_columns_if_needed()  # it never sets them a second time; all other columns are left out
        self._signature_columns = [*(self._signature_columns or ()), *objective.COLUMNS]

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        return self._order

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The objective's loss of one forward pass, a scalar; with the outputs if they are to be returned."""
        return self._objective.loss(super().compute_loss, model, inputs, return_outputs, num_items_in_batch)
