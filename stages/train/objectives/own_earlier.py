"""PS-KD (arXiv 2006.12000): targets softened by what the student itself expected in the epoch before.

(1 - a) one-hot + a own, a = `share` times the epoch over all. It needs no teacher's probabilities.
"""

from typing import Annotated, Any

from pydantic import Field

from stages.train.objective import Constants, Objective, Seen, State


class OwnEarlier(Constants):
    share: Annotated[float, Field(ge=0, le=1)]  # of the own distribution in the last epoch
    top_k: Annotated[int, Field(ge=1)]  # tokens of it that are remembered


def losses(seen: Seen, constants: OwnEarlier, state: State) -> Any:
    own = constants.share * seen.epoch
    return (1 - own) * seen.gold_N - own * (seen.teacher_NB.exp() * seen.student_NB).sum(-1)


OBJECTIVE = Objective(OwnEarlier, losses, needs="memory")
