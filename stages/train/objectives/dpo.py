"""DPO (arXiv 2305.18290): a chosen against a rejected reply to one prompt, relative to a reference model.

-log sigmoid(beta (log-ratio of chosen - log-ratio of rejected)), log-ratios to the reference, plus `cross_entropy`
times the cross entropy of the chosen reply's tokens: from an untuned base DPO alone lowers both replies (2502.11284).
With the teacher as the reference it is the preference distillation of LLaVA-MoD (2408.15881).
"""

from typing import Annotated, Literal

from pydantic import Field

from stages.train.objective import Constants, Objective


class Dpo(Constants):
    beta: Annotated[float, Field(gt=0)]  # how far the student may go from the reference: less is further
    cross_entropy: Annotated[float, Field(ge=0)]  # weight of the chosen reply's cross entropy beside DPO's loss
    reference: Literal["base", "teacher"]  # base: what training starts from


def loads_teacher(constants: Dpo) -> bool:
    return constants.reference == "teacher"


OBJECTIVE = Objective(Dpo, kind="pairs", loads_teacher=loads_teacher)
