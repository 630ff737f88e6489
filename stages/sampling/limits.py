"""How a model may be asked, and what a run has spent: none of it decides a reply, so none of it is in the ledger's
key."""

from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from stages.sampling.request import Model, Reply

Count = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Budget(Section):
    """Of one run of one stage; 0 is no limit."""

    max_requests: Count
    max_tokens: Count  # prompt and completion
    max_cost: Annotated[float, Field(ge=0)]  # in the currency of the prices


class Limits(Section):
    """The section `sampling` of params.yaml."""

    max_concurrency: Annotated[int, Field(gt=0)]  # requests under way at an endpoint
    max_attempts: Annotated[int, Field(gt=0)]  # of one request
    timeout_seconds: Annotated[float, Field(gt=0)]  # of one attempt
    requests_per_minute: Count  # 0 is no limit
    tokens_per_minute: Count
    min_success_ratio: Annotated[float, Field(ge=0, le=1)]  # of all rows; below it the stage fails
    budget: Budget


class Spending:
    """What one run has asked and what came of it, tokens as the engine counted them."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.requests = self.replies = self.prompt_tokens = self.completion_tokens = 0
        self.failures: Counter[str] = Counter()

    def add(self, reply: Reply) -> None:
        if reply.finish_reason == "unanswered":
            self.failures[kind(reply.error)] += 1
            return
        self.replies += 1
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens

    @property
    def cost(self) -> float | None:
        return self._model.cost(self.prompt_tokens, self.completion_tokens)

    def reached(self, budget: Budget) -> str | None:
        """Name of the limit that is used up once the requests under way come back at the mean price of those before, if
        one is."""
        coming = 1 + (self.requests - self.replies - self.failures.total()) / self.replies if self.replies else 1
        if budget.max_requests and self.requests >= budget.max_requests:
            return "max_requests"
        if budget.max_tokens and (self.prompt_tokens + self.completion_tokens) * coming >= budget.max_tokens:
            return "max_tokens"
        if budget.max_cost and self.cost is not None and self.cost * coming >= budget.max_cost:
            return "max_cost"
        return None


def kind(error: str) -> str:
    return error.split(":", maxsplit=1)[0]
