"""Generalised Jensen-Shannon divergence (arXiv 2306.13649), between forward and reverse KL."""

from typing import Annotated, Any

from pydantic import Field

from stages.train import divergences
from stages.train.objective import Mixed, Objective, Seen, State


class JensenShannon(Mixed):
    beta: Annotated[float, Field(gt=0, lt=1)]  # the teacher's share of the mean


def losses(seen: Seen, constants: JensenShannon, state: State) -> Any:
    return divergences.jensen_shannon(seen.teacher_NB, seen.student_NB, constants.beta)


OBJECTIVE = Objective(JensenShannon, losses, needs="logits")
