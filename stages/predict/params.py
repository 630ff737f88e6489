"""The parameters of `predict-teacher`, `predict-base` and `predict`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from stages.sampling import dated
from stages.sampling.dated import Prompts
from stages.sampling.limits import Limits
from stages.sampling.role import Role, Words, find
from stages.settings import params_yaml


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Predict(Section):
    split: Literal["validation", "test"]  # choose hyper-parameters on validation
    styles: Words


class Params(Section):
    predict: Predict
    sampling: Limits
    prompts: Prompts
    max_tokens: dict[str, Annotated[int, Field(gt=0)]]  # of a reply, by style
    model: Role


def load(who: str) -> Params:
    """`who` is "teacher", "base-8b", or a student such as "8b", which is asked as its base is."""
    document = params_yaml.read()
    name = document["profile"]
    profile = document["profiles"][name]
    section = ("teacher",) if who == "teacher" else (f"student-{who.removeprefix('base-')}", "base")
    bound = {
        "predict": document["predict"],
        "sampling": document["sampling"],
        "prompts": dated.section(document),
        "max_tokens": profile["max_tokens"],
        "model": find(profile, section),
    }
    where = {"max_tokens": f"profiles.{name}.max_tokens", "model": f"profiles.{name}.{'.'.join(section)}"}
    return params_yaml.validated(Params, bound, where)
