"""The parameters of `generate`."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from stages.sampling.limits import Limits
from stages.sampling.role import Role, Words


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Generate(Section):
    styles: Words
    num_samples: Annotated[int, Field(gt=0)]  # completions for each prompt
    temperature: Annotated[float, Field(ge=0)]  # 0 is greedy
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=0)]  # 0 is no limit
    seed: int


class Profile(Section):
    teacher: Role
    max_tokens: dict[str, Annotated[int, Field(gt=0)]]  # of a reply, by style


class Params(Section):
    generate: Generate
    sampling: Limits
    profile: Profile
    dataset: str
    recorded: dict[str, Any] | None  # the data set brings completions along


def load() -> Params:
    document = YAML(typ="safe").load(Path("params.yaml"))
    profile = document["profiles"][document["profile"]]
    bound = {
        "generate": document["generate"],
        "sampling": document["sampling"],
        "profile": {name: profile[name] for name in Profile.model_fields},
        "dataset": document["dataset"],
        "recorded": YAML(typ="safe").load(Path(f"data/sets/{document['dataset']}/dataset.yaml"))["recorded"],
    }
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        paths = [
            ".".join(map(str, e["loc"])).replace("profile.", f"profiles.{document['profile']}.", 1)
            for e in error.errors()
        ]
        raise SystemExit(
            "\n".join(
                f"params.yaml: {path}: {e['msg']}, got {e['input']!r}"
                for path, e in zip(paths, error.errors(), strict=True)
            )
        ) from None
