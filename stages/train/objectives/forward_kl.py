"""Forward KL: the student's distribution is to cover all that the teacher's does."""

from typing import Any

from stages.train.divergences import kl
from stages.train.objective import Mixed, Objective, Seen, State


def losses(seen: Seen, constants: Mixed, state: State) -> Any:
    return kl(seen.teacher_NB, seen.student_NB)


OBJECTIVE = Objective(Mixed, losses, needs="logits")
