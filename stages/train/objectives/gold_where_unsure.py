"""The teacher's distribution where it is sure, the target's token where it is not: FerKD (arXiv 2312.17473) on text."""

from typing import Annotated, Any

from pydantic import Field

from stages.train.divergences import kl
from stages.train.objective import Constants, Objective, Seen, State


class GoldWhereUnsure(Constants):
    confidence: Annotated[float, Field(ge=0, le=1)]  # the teacher's largest probability below which it is unsure


def losses(seen: Seen, constants: GoldWhereUnsure, state: State) -> Any:
    import torch

    is_sure_N = seen.teacher_NB[:, :-1].max(-1).values.exp() >= constants.confidence
    return torch.where(is_sure_N, kl(seen.teacher_NB, seen.student_NB), seen.gold_N)


OBJECTIVE = Objective(GoldWhereUnsure, losses, needs="logits")
