"""The parameters of `select`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML

Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Threshold = Annotated[float, Field(strict=True, gt=0, le=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BestOfN(Section):
    which: Literal["all", "first", "shortest", "diverse"]  # of the sound replies to one prompt
    most: Annotated[int, Field(ge=1)]  # for diverse
    similar: Threshold  # Jaccard of word n-grams; replies that are less alike are diverse
    ngram: Annotated[int, Field(ge=1)]
    window: Annotated[int, Field(ge=1)]  # replies of a prompt that each is compared to


class Budget(Section):
    rows: Annotated[int, Field(ge=0)]  # to train on; 0 is all
    order: str  # SQL over the columns in budget.py, highest first
    domain: str  # SQL over the same
    quotas: dict[str, Share]  # of the rows, by domain
    seed: int

    @field_validator("quotas")
    @classmethod
    def within_the_budget(cls, quotas: dict[str, float]) -> dict[str, float]:
        if sum(quotas.values()) > 1 + 1e-9:
            raise ValueError("the shares should sum to at most 1")
        return quotas


class Select(Section):
    majority: bool
    min_share: Share  # of a prompt's readable replies that give the row's answer; 0 is off
    min_grade: Annotated[float, Field(ge=0, le=5)]  # of score.judge; 0 is off
    best_of_n: BestOfN
    semantic: Threshold  # cosine of score.embedding; 1 is off
    negatives: str  # none, wrong, or a source of the rows
    weigh: Literal["rows", "prompts"]
    rationale: Annotated[float, Field(strict=True, ge=0, lt=1)]
    budget: Budget


class Params(Section):
    select: Select
    dataset: str  # for the card


def load() -> Params:
    document: dict[str, Any] = YAML(typ="safe").load(  # pyright: ignore[reportUnknownMemberType]
        Path("params.yaml")
    )
    bound: dict[str, Any] = {"select": document["select"], "dataset": document["dataset"]}
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        lines = [f"params.yaml: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
        raise SystemExit("\n".join(lines)) from None
