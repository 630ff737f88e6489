"""What `review.must_not_drop` of params.yaml names, and whether it dropped."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from stages.settings import params_yaml
from tools.review.chance import Moved


class Review(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    # metrics, as `dvc metrics show` names them, spaces between them
    must_not_drop: Annotated[list[str], BeforeValidator(lambda names: str(names).split())]


class Params(BaseModel):
    review: Review


def load() -> list[str]:
    document = params_yaml.read()
    return params_yaml.validated(Params, {"review": document["review"]}, {}).review.must_not_drop


def check(named: list[str], metrics: dict[str, dict[str, Any]]) -> None:
    """`metrics` are DVC's rows, {"old", "new"}, by name."""
    numbers = [name for name, row in metrics.items() if any(is_number(row.get(side)) for side in ("old", "new"))]
    for name in named:
        if name not in numbers:
            raise SystemExit(
                f"params.yaml: review.must_not_drop: got {name}, which is no number in metrics/, wanted some of "
                f"{', '.join(sorted(numbers))}"
            )


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def found(
    named: list[str], metrics: dict[str, dict[str, Any]], scores: set[str], moved: list[Moved], alpha: float
) -> list[str]:
    """A sentence for each that dropped: a score beyond chance, any other metric at all. `scores` that have not `moved`
    are of another task, and compare with nothing."""
    tested = {score.name: score for score in moved}
    sentences = []
    for name in named:
        old, new = metrics[name].get("old"), metrics[name].get("new")
        if old is None:
            continue
        if new is None:
            sentences.append(f"{name} was {old:,} and is no more")
        elif new < old and name not in scores:
            sentences.append(f"{name} fell from {old:,} to {new:,}")
        elif new < old and name in tested and tested[name].p <= alpha:
            sentences.append(f"{name} fell from {old:,} to {new:,} (p = {tested[name].p:.2g})")
    return sentences
