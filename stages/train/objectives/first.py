"""FIRST (arXiv 2408.12168): the teacher's few most probable tokens, recalibrated.

P'(i) = exp(P(i) / c) / sum_j exp(P(j) / c) over their probabilities, with the c that gives the least calibration error
against the validation rows' targets, and the loss KL(P' ‖ student) over those tokens.
"""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from stages.train.divergences import FLOOR
from stages.train.objective import Mixed, Objective, Seen, State, Validated

BINS = 15  # of the calibration error
COARSE, FINE = np.arange(0.1, 2.01, 0.1), np.arange(-0.08, 0.081, 0.02)  # the grid of c, then around its best


class First(Mixed):
    top_k: Annotated[int, Field(ge=2)]  # tokens of those in logits.top_k


def losses(seen: Seen, constants: First, state: State) -> Any:
    import torch

    top_NK = seen.teacher_NB[:, : min(constants.top_k, seen.teacher_NB.shape[1] - 1)]
    target_NK = torch.log_softmax(top_NK.exp() / state["temperature"], -1).clamp(min=FLOOR)
    return (target_NK.exp() * (target_NK - seen.student_NB[:, : top_NK.shape[1]])).sum(-1)


def begin(constants: First, validated: Validated) -> State:
    return {"temperature": choose_temperature(validated, constants.top_k)}


def choose_temperature(validated: Validated, top_k: int) -> float:
    probabilities_NK = np.exp(validated.logprobs_NK[:, :top_k])
    is_right_N = validated.ids_NK[:, 0] == validated.labels_N

    def error(temperature: float) -> float:
        return calibration_error(recalibrate(probabilities_NK, temperature)[:, 0], is_right_N)

    coarse: float = min(COARSE.tolist(), key=error)
    return round(min((coarse + FINE).tolist(), key=error), 2)


def recalibrate(probabilities_NK: Any, temperature: float) -> Any:
    scaled_NK = np.exp((probabilities_NK - probabilities_NK.max(-1, keepdims=True)) / temperature)
    return scaled_NK / scaled_NK.sum(-1, keepdims=True)


def calibration_error(confidence_N: Any, is_right_N: Any) -> float:
    """Mean over bins of equal width of |share right - mean confidence|, weighed by their tokens (arXiv 1706.04599)."""
    bins_N = np.minimum((confidence_N * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins_N, weights=is_right_N - confidence_N, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence_N))


OBJECTIVE = Objective(First, losses, needs="logits", begin=begin)
