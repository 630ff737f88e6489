"""task -> how its questions are put. Used by `prompts` alone."""

from typing import Any, Protocol

from stages.tasks.prompts import conversation, math, nli, qa, summarization
from stages.tasks.prompts.wording import Limits, Turn


class PromptTemplate(Protocol):
    """What a task's file in this folder holds. `fields` are a row's columns under the names in FIELDS."""

    @property
    def FIELDS(self) -> tuple[str, ...]: ...  # what a row needs besides its answer

    @property
    def STYLES(self) -> tuple[str, ...]: ...  # "plain" first, and any others: "cot", "cod"

    def instruction(self, style: str, wording: str, answer_format: str, limits: Limits) -> str: ...

    def turns(
        self, fields: dict[str, Any]
    ) -> list[Turn]: ...  # an assistant's turn at the end is the reference; ValueError for bad fields

    def schema(
        self, style: str, fields: dict[str, Any]
    ) -> dict[str, Any] | None: ...  # of a JSON reply, where it is one

    def reference_problem(self, reference: str, fields: dict[str, Any]) -> str | None: ...


TASKS: dict[str, PromptTemplate] = {
    "math": math,
    "nli": nli,
    "qa": qa,
    "summarization": summarization,
    "conversation": conversation,
}
