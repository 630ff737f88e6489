"""Total variation distance: what a student that drafts for the teacher has rejected (arXiv 2310.08461, 2403.00858).

TVD++ scales its gradient by the rewards' deviation. Where the whole distribution is known, the paper's baseline has no
part in the gradient, and what is left is that scale.
"""

from typing import Any

from stages.train import divergences
from stages.train.health import doubled
from stages.train.objective import Mixed, Objective, Seen, State


class TotalVariation(Mixed):
    scaled: bool  # TVD++


def losses(seen: Seen, constants: TotalVariation, state: State) -> Any:
    distance_N = divergences.total_variation(seen.teacher_NB, seen.student_NB)
    return distance_N / deviation(seen) if constants.scaled else distance_N


def deviation(seen: Seen) -> Any:
    """(N,): of the reward, 1 where the teacher's probability is the larger one, under the student."""
    is_larger_NB = (seen.teacher_NB > seen.student_NB).float()
    mean_N = (seen.student_NB.detach().exp() * is_larger_NB).sum(-1)
    return (mean_N * (1 - mean_N)).clamp(min=1e-4).sqrt()


OBJECTIVE = Objective(TotalVariation, losses, needs="logits", loss_fault=doubled)
