"""Plain supervised fine-tuning: a student learns the tokens of the targets, all of them alike."""

import statistics
from collections.abc import Callable
from typing import Any

from stages.train.saved import divergence

COLUMNS: tuple[str, ...] = ()

# Nats a token between one model's next-token distributions in two forms.
# Rounding a laptop student to 16 bits makes 0.0007 of them.
MAX_DIVERGENCE = {"float32": 1e-5, "bfloat16": 5e-3}


def loss(of_trl: Callable[..., Any], model: Any, batch: dict[str, Any], return_outputs: bool, num_learnt: Any) -> Any:
    """TRL's own: the cross entropy of the learnt tokens, in nats a token."""
    return of_trl(model, batch, return_outputs, num_learnt)


def loss_fault(loss: float, before: list[float], max_jump: float) -> str | None:
    """A jump of more than `max_jump` over the median of the losses before, in nats a token."""
    if before and loss > statistics.median(before) + max_jump:
        median = statistics.median(before)
        return f"the loss jumped to {loss:.3f}, from a median of {median:.3f} over {len(before)} steps"
    return None


def reload_fault(expected_TV: Any, found_TV: Any, precision: str) -> str | None:
    """Next-token distributions that are further apart than rounding to the precision makes them; logits in float32."""
    apart, limit = divergence(expected_TV, found_TV), MAX_DIVERGENCE[precision]
    if not apart <= limit:
        return f"answers otherwise than the trained one: {apart:.2g} nats a token, at most {limit:g}"
    return None
