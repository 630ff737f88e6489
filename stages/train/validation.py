"""The loss of rows to validate on, alike under every objective, so that it compares."""

from typing import Any

import torch


def target_loss(trainer: Any, model: Any, batch: dict[str, Any]) -> Any:
    """The cross entropy of the target's tokens in nats, a scalar."""
    with torch.no_grad(), trainer.compute_loss_context_manager():
        return model(**batch, use_cache=False).loss.detach()
