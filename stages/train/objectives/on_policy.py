"""On-policy distillation: the teacher's distribution at the tokens of the student's own replies.

GKD (arXiv 2306.13649) and, for draft models, DistillSpec (2310.08461). The targets are only validated on.
"""

from typing import Annotated

from pydantic import Field

from stages.train.objective import Constants, Objective


class OnPolicy(Constants):
    beta: Annotated[float, Field(ge=0, le=1)]  # the divergence: 0 is forward KL, 0.5 Jensen-Shannon, 1 reverse KL
    temperature: Annotated[float, Field(gt=0)]  # of the replies, and of both distributions in the loss
    max_new_tokens: Annotated[int, Field(gt=0)]  # of a reply


def loads_teacher(constants: OnPolicy) -> bool:
    return True


OBJECTIVE = Objective(OnPolicy, kind="on_policy", loads_teacher=loads_teacher)
