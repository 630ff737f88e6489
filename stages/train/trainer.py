"""TRL's trainer, but that rows come in our order, and that each learnt token has a weight and the objective's loss.

TRL divides the sum of the tokens' losses by their number, over all passes and processes of a step. Here both are
weighed. Rows that bring nothing along go TRL's own way, as do the rows to validate on, whose loss is the cross entropy
of their tokens under every objective.
"""

from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from trl.trainer.sft_trainer import SFTTrainer

from stages.train.brought import Brought
from stages.train.collate import BROUGHT, EXAMPLE, Collator
from stages.train.examples import IGNORED
from stages.train.lesson import Lesson
from stages.train.order import Order


class Trainer(SFTTrainer):
    def __init__(self, lesson: Lesson, order: Order, brought: Brought | None, **settings: Any) -> None:
        """`settings` are those of SFTTrainer."""
        self._lesson, self._order = lesson, order
        super().__init__(**settings)
        # afterwards, because TRL takes no other collator for packed rows, and pads otherwise with one it is given
        self.data_collator = Collator(**vars(self.data_collator), brought=brought)
        self._set_signature_columns_if_needed()  # it never sets them a second time; all other columns are left out
        self._signature_columns = [*(self._signature_columns or ()), *([EXAMPLE] if brought else [])]

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        return self._order

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """What the step's sum is divided by: the shares of its learnt tokens, over all passes and processes."""
        if not batch_samples or "shares_BT" not in batch_samples[0]:
            return super()._get_num_items_in_batch(batch_samples, device)
        shares = [batch["shares_BT"][batch["labels"] != IGNORED].double().sum() for batch in batch_samples]
        total: Any = self.accelerator.reduce(torch.stack(shares).sum().to(device))
        return total.round()  # they add up to whole tokens or sequences

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of one forward pass, a scalar; with the outputs if they are to be returned."""
        brought = {name: inputs.pop(name) for name in BROUGHT if name in inputs}
        if brought:
            model = partial(self._forward, model, brought)
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def _forward(self, model: Any, brought: dict[str, Any], *, labels: Any, fused_lm_head: bool, **inputs: Any) -> Any:
        """What TRL's loss needs of a pass, with the weighed loss of each token for its negative log-probability."""
        weights_BT = brought["weights_BT"][:, 1:]
        if self._lesson.objective.losses is None:
            outputs = model(labels=labels, fused_lm_head=fused_lm_head, **inputs)
            outputs.log_probs = outputs.log_probs * weights_BT
            return outputs
        labels_BT = labels[:, 1:]
        learnt_BT = labels_BT != IGNORED
        labels_N, logits_NV = labels_BT[learnt_BT], model(**inputs).logits[:, :-1][learnt_BT]
        epoch = min(1.0, (int(self.state.epoch or 0) + 1) / self.args.num_train_epochs)
        loss_N = self._lesson.losses(logits_NV, labels_N, brought, epoch)
        scored_BT = torch.zeros_like(weights_BT).masked_scatter(learnt_BT, -loss_N) * weights_BT
        return SimpleNamespace(log_probs=scored_BT, label_mask=learnt_BT, aux_loss=None, **logged(logits_NV, labels_N))


def logged(logits_NV: Any, labels_N: Any) -> dict[str, Any]:
    """What TRL logs of the student's distributions, of shape (N,)."""
    with torch.no_grad():
        logprobs_NV = torch.log_softmax(logits_NV.float(), -1)
        entropy_N = -(logprobs_NV.exp() * logprobs_NV).sum(-1)
        return {"entropy": entropy_N, "is_top1": logits_NV.argmax(-1) == labels_N}
