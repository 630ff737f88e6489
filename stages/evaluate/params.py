"""The parameters of `evaluate`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evaluate(Section):
    confidence: Annotated[float, Field(gt=0, lt=1)]  # of every interval
    num_resamples: Annotated[int, Field(ge=1000)]  # of the bootstrap
    seed: int


class Params(Section):
    evaluate: Evaluate
    split: Literal["validation", "test"]
    answer_format: str


def load() -> Params:
    document = YAML(typ="safe").load(Path("params.yaml"))
    bound = {
        "evaluate": document["evaluate"],
        "split": document["answer"]["split"],
        "answer_format": document["profiles"][document["profile"]]["prompts"]["answer_format"],
    }
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        raise SystemExit("\n".join(f"params.yaml: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors())) from None
