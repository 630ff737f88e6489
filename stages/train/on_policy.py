"""TRL's trainer of on-policy distillation, but that rows come in our order, and that replies depend on the step alone.

The student replies to the prompts of a step, once, and learns the teacher's distribution at each token of its replies.
They are drawn anew from seed and step, so that a training that goes on draws the same. The loss of rows to validate on
is the cross entropy of the target, as under every objective.
"""

from typing import Any

import torch
from torch.utils.data import SequentialSampler
from trl.trainer.distillation_trainer import DistillationTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from stages.train.examples import IGNORED
from stages.train.order import StepOrder
from stages.train.validation import target_loss

STEPS = 1_000_000  # more than any training has, so that no two seeds draw alike


class OnPolicyTrainer(DistillationTrainer):
    def __init__(self, order: StepOrder, **settings: Any) -> None:
        """`settings` are those of DistillationTrainer; its data sets hold ids and labels, as in train.arrow."""
        self._order = order
        super().__init__(**settings)
        tokenizer: Any = self._tokenizer
        self._collate = DataCollatorForLanguageModeling(tokenizer.pad_token_id)

    def _get_train_sampler(self, dataset: Any = None) -> StepOrder:
        return self._order

    def _get_eval_sampler(self, eval_dataset: Any) -> SequentialSampler:
        return SequentialSampler(eval_dataset)

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """A pass of the step; with the first one, replies are drawn for all."""
        device = self.accelerator.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(self.args.seed * STEPS + self.state.global_step)
            return super()._prepare_inputs(generation_batch)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        return super()._generate_and_score_completions([{"prompt": prompt(row)} for row in inputs])

    def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """They are tokens already; no images, nothing else."""
        return prompts, None, {}

    def prediction_step(self, model: Any, inputs: Any, *_: Any, **__: Any) -> tuple[Any, None, None]:
        batch: Any = self._prepare_input(self._collate(inputs))
        return target_loss(self, model, batch), None, None


def prompt(row: dict[str, Any]) -> list[int]:
    """What is served: it comes first, and nothing of it is learnt."""
    return row["input_ids"][: row["labels"].count(IGNORED)]
