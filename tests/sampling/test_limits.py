"""A budget is reached when what is under way would use it up."""

import pytest

from stages.sampling.limits import Budget, Spending, kind
from stages.sampling.request import Model, Reply, unanswered

DEAR = Model("openai", "m", "1", "auto", 1e6, 2e6)  # 1 and 2 for a token
REPLY = Reply("x", "stop", 2, 4, "", "")  # so 10 for a reply


def spent(requests: int, replies: int, failures: int = 0) -> Spending:
    spending = Spending(DEAR)
    spending.requests = requests
    for _ in range(replies):
        spending.add(REPLY)
    for _ in range(failures):
        spending.add(unanswered("HTTP 400: no"))
    return spending


@pytest.mark.parametrize(
    ("spending", "budget", "reached"),
    [
        (spent(9, 9), {}, None),
        (spent(10, 0), {"max_requests": 10}, "max_requests"),
        (spent(9, 9), {"max_requests": 10}, None),
        (spent(10, 10), {"max_tokens": 60}, "max_tokens"),
        (spent(10, 5), {"max_tokens": 60}, "max_tokens"),  # 5 under way at 6 tokens each
        (spent(9, 5), {"max_tokens": 60}, None),
        (spent(10, 5), {"max_cost": 100.0}, "max_cost"),
        (spent(10, 5, failures=1), {"max_cost": 100.0}, None),  # what failed is not under way
        (spent(1000, 0), {"max_cost": 100.0}, None),  # before the first reply nothing is known
    ],
)
def test_a_budget(spending: Spending, budget: dict[str, float], reached: str | None) -> None:
    assert (
        spending.reached(Budget.model_validate({"max_requests": 0, "max_tokens": 0, "max_cost": 0.0} | budget))
        == reached
    )


def test_tokens_cost_and_failures_add_up() -> None:
    spending = spent(5, 3, failures=2)
    assert (spending.replies, spending.prompt_tokens, spending.completion_tokens, spending.cost) == (3, 6, 12, 30.0)
    assert spending.failures == {"HTTP 400": 2}
    assert kind("TimeoutError: 10 times") == "TimeoutError"
