"""What the models of a data set cost: a thousand questions to each, and what its replies to learn from took."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stages.rows.prompt import PLAIN
from tools.study.answer import Bounds, Scope
from tools.study.scores import Dataset, mean_metric, mean_price


class Priced(NamedTuple):
    """A model that can be asked: a student by an arm, or the teacher or a base in a style."""

    model: str
    arm: str
    score: Bounds
    price: float | None  # of 1,000 questions; None: not known
    asked: float  # the teacher's tokens that were asked for, over the seeds
    spent: float | None  # on these
    learnt: float  # the teacher's tokens among those that are learnt from
    rank: int  # on the Pareto front, the cheapest first; 0: another is as cheap and better


def priced(dataset: Dataset, of_students: Iterable[Scope], compare: str) -> list[Priced]:
    """Students first, best first; then the models that were taught nothing, as the arm `compare` met them."""
    models = list[Priced]()
    for scope in of_students:
        for arm, bounds in scope.arms.items():
            seeds = dataset.experiments[arm]
            asked = [mean_metric(seeds, "generate", "generate", key) for key in ("prompt_tokens", "completion_tokens")]
            spent = mean_metric(seeds, "generate", "generate", "cost")
            learnt = mean_metric(seeds, "select", "select", "tokens") or 0.0
            price = mean_price(seeds, scope.student)
            models.append(Priced(scope.student, arm, bounds, price, sum(filter(None, asked)), spent, learnt, 0))
    first = dataset.experiments.get(compare, next(iter(dataset.experiments.values())))[0]
    for told in first.metrics["evaluate"]["arms"]:
        if told["model"] == "teacher" or (told["model"].startswith("base-") and told["style"] == PLAIN):
            bounds = Bounds(told["value"], *told["interval"])
            models.append(Priced(told["model"], told["style"], bounds, told["cost_per_1000"], 0.0, None, 0.0, 0))
    order = front([(model.price, model.score.value) for model in models])
    return [model._replace(rank=order.get(place, 0)) for place, model in enumerate(models)]


def front(places: Sequence[tuple[float | None, float]]) -> dict[int, int]:
    """Place -> rank, from 1, of those than which none is as cheap and better, or as good and cheaper."""
    known = [(price, -score, place) for place, (price, score) in enumerate(places) if price is not None]
    found, best = dict[int, int](), float("inf")
    for _, score, place in sorted(known):
        if score < best:
            found[place], best = len(found) + 1, score
    return found
