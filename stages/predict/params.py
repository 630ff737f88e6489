"""The parameters of `predict-untuned` and `answer`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from stages.sampling.limits import Limits


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Predict(Section):
    split: Literal["validation", "test"]  # choose hyper-parameters on validation
    styles: list[Literal["plain", "rich"]]


class MaxTokens(Section):
    plain: Annotated[int, Field(gt=0)]
    cot: Annotated[int, Field(gt=0)]
    cod: Annotated[int, Field(gt=0)]


class Model(Section):
    engine: Literal["transformers", "vllm", "ray-transformers", "ray-vllm", "openai"]
    model: str
    revision: str
    precision: Literal["float32", "bfloat16", "auto"]
    prompt_price: Annotated[float, Field(ge=0)] | None  # for a million tokens; null: not known
    completion_price: Annotated[float, Field(ge=0)] | None


class Params(Section):
    predict: Predict
    sampling: Limits
    max_tokens: MaxTokens
    model: Model


def load(who: str) -> Params:
    """`who` is "teacher", "base-8b", or a student such as "8b", which is asked as its base is."""
    document = YAML(typ="safe").load(Path("params.yaml"))
    name, section = document["profile"], who if who == "teacher" or who.startswith("base-") else f"base-{who}"
    profile = document["profiles"][name]
    bound = {"predict": document["predict"], "sampling": document["sampling"], "max_tokens": profile["max_tokens"], "model": profile[section]}
    where = {"max_tokens": f"profiles.{name}.max_tokens", "model": f"profiles.{name}.{section}"}
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        paths = [".".join([where.get(str(e["loc"][0]), str(e["loc"][0])), *map(str, e["loc"][1:])]) for e in error.errors()]
        raise SystemExit("\n".join(f"params.yaml: {path}: {e['msg']}, got {e['input']!r}" for path, e in zip(paths, error.errors(), strict=True))) from None
