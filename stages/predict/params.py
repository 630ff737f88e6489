"""The parameters of `predict-teacher`, `predict-base` and `predict`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from stages.sampling.limits import Limits
from stages.sampling.role import Role, Words, find


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Predict(Section):
    split: Literal["validation", "test"]  # choose hyper-parameters on validation
    styles: Words


class Params(Section):
    predict: Predict
    sampling: Limits
    max_tokens: dict[str, Annotated[int, Field(gt=0)]]  # of a reply, by style
    model: Role


def load(who: str) -> Params:
    """`who` is "teacher", "base-8b", or a student such as "8b", which is asked as its base is."""
    document = YAML(typ="safe").load(Path("params.yaml"))
    name = document["profile"]
    profile = document["profiles"][name]
    section = ("teacher",) if who == "teacher" else (f"student-{who.removeprefix('base-')}", "base")
    bound = {
        "predict": document["predict"],
        "sampling": document["sampling"],
        "max_tokens": profile["max_tokens"],
        "model": find(profile, section),
    }
    where = {"max_tokens": f"profiles.{name}.max_tokens", "model": f"profiles.{name}.{'.'.join(section)}"}
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        paths = [
            ".".join([where.get(str(e["loc"][0]), str(e["loc"][0])), *map(str, e["loc"][1:])]) for e in error.errors()
        ]
        raise SystemExit(
            "\n".join(
                f"params.yaml: {path}: {e['msg']}, got {e['input']!r}"
                for path, e in zip(paths, error.errors(), strict=True)
            )
        ) from None
