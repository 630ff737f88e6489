"""name -> what a student is trained towards: its loss, and what is a fault in its training. A file for each."""

from collections.abc import Callable
from typing import Any, Protocol

from stages.train.objectives import plain


class Objective(Protocol):
    """What an objective's file holds. Faults are in words, None where there is none."""

    @property
    def COLUMNS(self) -> tuple[str, ...]: ...  # of a row that its loss is given, besides ids and labels

    def loss(
        self,
        of_trl: Callable[..., Any],
        model: Any,
        batch: dict[str, Any],
        return_outputs: bool,
        num_learnt: Any,
    ) -> Any:
        """The loss of one forward pass: a scalar with its gradient, or (it, outputs) if these are to be returned.

        `of_trl` computes TRL's from the other arguments. `batch` is what `Collator` makes: `input_ids` and `labels` of
        (rows, tokens), and COLUMNS. `num_learnt` is how many tokens the whole step learns, over all its passes and
        processes; None in an evaluation.
        """
        ...

    def loss_fault(self, loss: float, before: list[float], max_jump: float) -> str | None:
        """Of a step's finite loss after the last ones `before`, none at first; `max_jump` is train.max_loss_jump."""
        ...

    def reload_fault(self, expected_TV: Any, found_TV: Any, precision: str) -> str | None:
        """Of the saved student, loaded anew, by the logits of both for one example: (tokens, vocabulary), float32.

        Completes "the student saved in models/8b ...".
        """
        ...


OBJECTIVES: dict[str, Objective] = {
    "plain": plain,
}
