"""TAID (arXiv 2501.16937): a target that moves from the student's own distribution to the teacher's.

p_t = softmax((1 - t) student + t teacher) of logits, without a gradient, and the loss KL(p_t ‖ student). t grows by the
steps, and faster while the loss falls.
"""

import math
from typing import Annotated, Any

from pydantic import Field

from stages.train.divergences import kl
from stages.train.objective import Mixed, Objective, Seen, State, Validated


class Taid(Mixed):
    start: Annotated[float, Field(ge=0, le=1)]  # t before the first step
    end: Annotated[float, Field(ge=0, le=1)]  # t at the last one
    alpha: Annotated[float, Field(ge=0)]  # the size of the adaptive step
    beta: Annotated[float, Field(ge=0, lt=1)]  # of the momentum of the loss's relative change


def losses(seen: Seen, constants: Taid, state: State) -> Any:
    return kl(target(seen.teacher_NB, seen.student_NB, state["t"]), seen.student_NB)


def target(teacher_NB: Any, student_NB: Any, t: float) -> Any:
    import torch

    return torch.log_softmax((1 - t) * student_NB.detach() + t * teacher_NB, -1)


def begin(constants: Taid, validated: Validated) -> State:
    return {"t": constants.start, "momentum": 0.0, "loss": math.inf}


def after_step(state: State, loss: float, share_done: float, constants: Taid) -> State:
    """The paper's algorithm 1. At the first step there is no loss before, so no change of it."""
    change = 0.0 if math.isinf(state["loss"]) else (state["loss"] - loss) / (state["loss"] + 1e-15)
    momentum = constants.beta * state["momentum"] + (1 - constants.beta) * change
    adaptive = state["t"] + constants.alpha / (1 + math.exp(-momentum)) * (1 - state["t"])
    linear = constants.start + share_done * (constants.end - constants.start)
    # never back, if only by the end's limit
    t = max(state["t"], min(constants.end, max(linear, adaptive)))
    return {"t": t, "momentum": momentum, "loss": loss}


OBJECTIVE = Objective(Taid, losses, needs="logits", begin=begin, after_step=after_step)
