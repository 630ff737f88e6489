"""What is a fault in a training, in words; None where there is none."""

import statistics
from typing import Any

# Nats a token between one model's next-token distributions in two forms, whose attention is computed alike.
# Rounding a laptop student to 16 bits makes 0.0007 of them.
MAX_DIVERGENCE = {"float32": 1e-5, "bfloat16": 5e-3}


def jump(loss: float, before: list[float], max_jump: float) -> str | None:
    """A loss of more than `max_jump` (train.max_loss_jump) over the median of the last ones, in nats a token."""
    if before and loss > statistics.median(before) + max_jump:
        median = statistics.median(before)
        return f"the loss jumped to {loss:.3f}, from a median of {median:.3f} over {len(before)} steps"
    return None


def doubled(loss: float, before: list[float], max_jump: float) -> str | None:
    """A jump of a loss that is in no nats, so that it has to double too."""
    return jump(loss, before, max_jump) if before and loss > 2 * statistics.median(before) else None


def answers_otherwise(expected_TV: Any, found_TV: Any, precision: str) -> str | None:
    """Next-token distributions that are further apart than rounding to the precision makes them; logits in float32."""
    apart, limit = divergence(expected_TV, found_TV), MAX_DIVERGENCE[precision]
    if not apart <= limit:
        return f"answers otherwise than the trained one: {apart:.2g} nats a token, at most {limit:g}"
    return None


def divergence(expected_TV: Any, found_TV: Any) -> float:
    """Mean KL divergence of next-token distributions in nats, from logits (tokens, vocabulary)."""
    import torch.nn.functional as F

    return F.kl_div(
        F.log_softmax(found_TV.cpu(), -1), F.log_softmax(expected_TV.cpu(), -1), log_target=True, reduction="batchmean"
    ).item()
