"""task -> how a reply is read and graded. Used by `filter` and `evaluate`."""

from collections.abc import Callable, Sequence
from typing import Protocol

from stages.tasks.answers import conversation, math, nli, qa, summarization
from stages.tasks.answers.reply import Asked, Reading


class AnswerParser(Protocol):
    """What a task's file in this folder holds."""

    @property
    def LABELS(
        self,
    ) -> Sequence[str] | None: ...  # all that an answer can be, where that is a set; of choices the letters

    @property
    def is_right(
        self,
    ) -> (
        Callable[[str, str, list[str]], bool] | None
    ): ...  # (answer, reference, choices); None where no answer is simply right

    def read(self, text: str, asked: Asked) -> Reading | None: ...  # None: unreadable, never a guess

    def write(self, reasoning: str, answer: str, answer_format: str) -> str: ...  # the target that is learnt

    def normalise(
        self, reference: str, choices: list[str]
    ) -> str | None: ...  # the data set's answer in the form that `read` gives


TASKS: dict[str, AnswerParser] = {
    "math": math,
    "nli": nli,
    "qa": qa,
    "summarization": summarization,
    "conversation": conversation,
}
