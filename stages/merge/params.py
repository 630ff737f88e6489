"""The parameters of `merge`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML


class Source(BaseModel):
    """A model, by its folder and digest, or by its hub id and commit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    revision: str

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}"


def source(text: Any) -> Any:
    name, _, revision = str(text).rpartition("@")
    if not (name and revision):
        raise ValueError("Input should be a folder@digest or a hub id@commit")
    return {"name": name, "revision": revision}


def words(text: Any) -> list[str]:
    return str(text).split()


Model = Annotated[Source, BeforeValidator(source)]


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["none", "transfer", "linear", "dare"]
    base: Annotated[Model | None, BeforeValidator(lambda text: text or None)]  # that the tuned ones started from
    models: Annotated[list[Model], BeforeValidator(words)]  # the tuned ones
    onto: Annotated[Model | None, BeforeValidator(lambda text: text or None)]  # transfer: the newer base
    weights: Annotated[list[float], BeforeValidator(words)]  # linear, dare: of each model's difference from the base
    drop: Annotated[float, Field(ge=0, lt=1)]  # dare: the share of each difference that is dropped
    seed: int  # dare: of what is dropped


def load() -> Params:
    document = YAML(typ="safe").load(Path("params.yaml"))
    try:
        params = Params.model_validate(document["merge"])
    except ValidationError as error:
        raise SystemExit(
            "\n".join(
                f"params.yaml: {'.'.join(['merge', *map(str, e['loc'])])}: {e['msg']}, got {e['input']!r}"
                for e in error.errors()
            )
        ) from None
    fault = first_fault(params)
    if fault:
        raise SystemExit(f"params.yaml: merge.{fault}")
    return params


def first_fault(params: Params) -> str | None:
    method, count = params.method, len(params.models)
    if method == "none":
        return None
    if not params.base:
        return f"base: got none, wanted the model that the tuned ones started from, for merge.method is {method}"
    if method == "transfer" and not params.onto:
        return "onto: got none, wanted the newer base, for merge.method is transfer"
    if method == "transfer" and count != 1:
        return f"models: got {count}, wanted one, for merge.method is transfer"
    if method != "transfer" and not count:
        return f"models: got none, wanted one or more, for merge.method is {method}"
    if method != "transfer" and len(params.weights) != count:
        return f"weights: got {len(params.weights)}, wanted {count}, one for each of merge.models"
    return None
