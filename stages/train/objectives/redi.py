"""REDI (arXiv 2505.24850): beside the targets, wrong replies with a negative weight.

The loss is linear in a row's weight, so chosen and wrong replies to one prompt need not be in one step. The paper takes
the mean of each sequence (`train.normalisation: sequence`), and trains this way after plain fine-tuning.
"""

from typing import Annotated

from pydantic import Field

from stages.train.objective import Constants, Objective


class Redi(Constants):
    negative_weight: Annotated[float, Field(ge=0, le=1)]  # alpha in the paper: 0 is plain, 1 collapses soon


def loss_fault(loss: float, before: list[float], max_jump: float) -> None:
    """None: a step's loss goes up and down with the number of its negatives."""


OBJECTIVE = Objective(Redi, needs="negatives", loss_fault=loss_fault)
