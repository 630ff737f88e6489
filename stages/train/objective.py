"""What an objective is: what a student is trained towards, and what is a fault in its training.

A file of `objectives/` for each, and a line in its table. Shapes: N learnt tokens of a pass; V tokens of the
vocabulary; K of them that the teacher's probabilities were kept of; B = K + 1 buckets, the last for all others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from stages.train.health import answers_otherwise, jump

State = dict[str, float]  # what an objective carries from step to step; part of every checkpoint
# negatives: rows of data/selected/negatives.jsonl, learnt with a negative weight. logits: the teacher's probabilities.
# memory: the student's own probabilities of the epoch before.
Need = Literal["negatives", "logits", "memory"]
# tokens: the tokens of targets (TRL's SFTTrainer). pairs: a chosen against a rejected reply (its DPOTrainer).
# on_policy: the teacher's distribution at the student's own replies (its DistillationTrainer).
Kind = Literal["tokens", "pairs", "on_policy"]


class Constants(BaseModel):
    """Of an objective: its section under `objectives` in params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Mixed(Constants):
    cross_entropy: Annotated[float, Field(ge=0, le=1)]  # share of the loss that is the target's cross entropy


class Seen(NamedTuple):
    """What an objective's losses are of. Tensors of log-probabilities in float32; gradients flow to the student's."""

    student_NB: Any
    teacher_NB: Any  # the student's own of the epoch before, where the objective needs a memory
    gold_N: Any  # the cross entropy of the target's tokens, in nats
    epoch: float  # the current one over all, from 1 / number of epochs to 1


class Validated(NamedTuple):
    """What the teacher expected of the rows to validate on, as numpy arrays."""

    ids_NK: Any
    logprobs_NK: Any
    labels_N: Any


def loads_none(constants: Constants) -> bool:
    """Training needs no weights of the teacher."""
    return False


@dataclass(frozen=True)
class Objective:
    """`losses` gives the loss of each learnt token, in nats; None is the cross entropy of the target's token.

    `losses` to `after_step` are of the kind `tokens`; those of other kinds are TRL's own.
    """

    constants: type[Constants]
    losses: Callable[[Seen, Any, State], Any] | None = None
    needs: Need | None = None
    begin: Callable[[Any, Validated], State] | None = None  # the state before the first step
    after_step: Callable[[State, float, float, Any], State] | None = None  # from (state, mean loss, share done)
    loss_fault: Callable[[float, list[float], float], str | None] = jump  # of a step's finite loss after the last ones
    reload_fault: Callable[[Any, Any, str], str | None] = answers_otherwise  # completes "the student saved in ..."
    kind: Kind = "tokens"
    loads_teacher: Callable[[Any], bool] = loads_none  # whether, by its constants, it reads the teacher's weights
