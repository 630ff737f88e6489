"""The parameters of `select`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
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
    share: Threshold  # of the train rows; 1 is all
    order: str  # SQL over the columns in sql.py, highest first
    draw: Literal["best", "weighted"]  # the highest, or at random in proportion to `order`
    domain: str  # SQL over the same
    split: Literal["none", "size", "gap"]  # how domains share the rows, where no quotas say it
    alpha: Share  # of gap: what the gap decides, the rest of the rows is for all domains alike
    quotas: dict[str, Share]  # of the rows, by domain
    seed: int

    @property
    def is_on(self) -> bool:
        return self.rows > 0 or self.share < 1

    @field_validator("share")
    @classmethod
    def no_second_size(cls, share: float, info: ValidationInfo) -> float:
        if share < 1 and info.data.get("rows"):
            raise ValueError(f"rows is {info.data['rows']}, and one of the two should be off (rows: 0, share: 1.0)")
        return share

    @field_validator("quotas")
    @classmethod
    def within_the_budget(cls, quotas: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if sum(quotas.values()) > 1 + 1e-9:
            raise ValueError("the shares should sum to at most 1")
        if quotas and info.data.get("split") != "none":
            raise ValueError(f"split is {info.data.get('split')}, and quotas should be empty with it")
        return quotas


class Sources(Section):
    use: Literal["all", "best", "weighted"]
    power: Annotated[float, Field(ge=0)]  # of a source's share of right replies, for weighted


class PerClass(Section):
    numbers: str  # SQL, semicolons between; empty is off
    of: str  # SQL: the class of a row


class Unsure(Section):
    confidence: Annotated[float, Field(strict=True, ge=0, lt=1)]  # exp(-nll_teacher); 0 is off
    then: Literal["gold", "drop"]


class Tag(Section):
    bad: str  # a SQL condition; empty is off
    wrong: bool  # bring back what the filter rejects as wrong
    mark: Annotated[str, Field(min_length=1)]  # before the question of a bad row


class Select(Section):
    sources: Sources
    majority: bool
    min_share: Share  # of a prompt's readable replies that give the row's answer; 0 is off
    min_grade: Annotated[float, Field(ge=0, le=5)]  # of score.judge; 0 is off
    where: str  # a SQL condition; empty is off
    per_class: PerClass
    unsure: Unsure
    best_of_n: BestOfN
    semantic: Threshold  # cosine of score.embedding; 1 is off
    tag: Tag
    negatives: str  # none, wrong, or a source of the rows
    weigh: Literal["rows", "prompts"]
    rationale: Annotated[float, Field(strict=True, ge=0, lt=1)]
    budget: Budget


class Params(Section):
    select: Select
    dataset: str  # for the card
    teaches_reasoning: bool  # and not the answer alone
    answer_format: str  # in which a target gives its answer


def load() -> Params:
    document: dict[str, Any] = YAML(typ="safe").load(  # pyright: ignore[reportUnknownMemberType]
        Path("params.yaml")
    )
    bound: dict[str, Any] = {
        "select": document["select"],
        "dataset": document["dataset"],
        "teaches_reasoning": document["filter"]["target"] == "reasoning",
        "answer_format": document["profiles"][document["profile"]]["prompts"]["answer_format"],
    }
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        lines = [f"params.yaml: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
        raise SystemExit("\n".join(lines)) from None
