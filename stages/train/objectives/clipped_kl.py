"""Forward KL on the teacher's nucleus: its most probable tokens up to a mass.

DAC-KL (arXiv 2407.10068) with fixed bounds; the paper has a small network learn the bounds.
"""

from typing import Annotated, Any

from pydantic import Field

from stages.train.divergences import FLOOR, kl
from stages.train.objective import Mixed, Objective, Seen, State


class ClippedKL(Mixed):
    top_p: Annotated[float, Field(gt=0, le=1)]  # the mass of the nucleus


def losses(seen: Seen, constants: ClippedKL, state: State) -> Any:
    return kl(nucleus(seen.teacher_NB, constants.top_p), seen.student_NB)


def nucleus(teacher_NB: Any, top_p: float) -> Any:
    """The teacher's log-probabilities, renormalised over the fewest tokens that hold `top_p` of them; tokens come most
    probable first, and the bucket of all others last."""
    import torch

    before_NB = teacher_NB.exp().cumsum(-1) - teacher_NB.exp()
    inside_NB = torch.where(before_NB < top_p, teacher_NB, -torch.inf)
    return torch.log_softmax(inside_NB, -1).clamp(min=FLOOR)


OBJECTIVE = Objective(ClippedKL, losses, needs="logits")
