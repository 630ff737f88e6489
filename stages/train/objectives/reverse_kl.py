"""Reverse KL: the student's distribution is to lie where the teacher's does, if only on part of it."""

from typing import Any

from stages.train.divergences import kl
from stages.train.objective import Mixed, Objective, Seen, State


def losses(seen: Seen, constants: Mixed, state: State) -> Any:
    return kl(seen.student_NB, seen.teacher_NB)


OBJECTIVE = Objective(Mixed, losses, needs="logits")
