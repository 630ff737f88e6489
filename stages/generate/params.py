"""The parameters of `generate`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from stages.sampling.limits import Limits


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Generate(Section):
    num_samples: Annotated[int, Field(gt=0)]  # completions for each prompt
    temperature: Annotated[float, Field(ge=0)]  # 0 is greedy
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=0)]  # 0 is no limit
    seed: int


class Teacher(Section):
    engine: Literal["transformers", "vllm", "ray-transformers", "ray-vllm", "openai"]
    model: str  # a hub id, a local folder, or an endpoint's name for it
    revision: str  # a hub commit, the folder's digest, or the endpoint's version
    precision: Literal["float32", "bfloat16", "auto"]  # auto: bfloat16 where the hardware has it, or what the endpoint has
    prompt_price: Annotated[float, Field(ge=0)] | None  # for a million tokens; null: not known
    completion_price: Annotated[float, Field(ge=0)] | None


class MaxTokens(Section):
    plain: Annotated[int, Field(gt=0)]
    cot: Annotated[int, Field(gt=0)]
    cod: Annotated[int, Field(gt=0)]


class Profile(Section):
    teacher: Teacher
    max_tokens: MaxTokens


class Params(Section):
    generate: Generate
    sampling: Limits
    style: Literal["plain", "rich"]  # how the teacher is asked
    profile: Profile
    dataset: str
    recorded: dict[str, Any] | None  # the data set brings completions along


def load() -> Params:
    document = YAML(typ="safe").load(Path("params.yaml"))
    profile = document["profiles"][document["profile"]]
    bound = {
        "generate": document["generate"],
        "sampling": document["sampling"],
        "style": document["prompts"]["style"],
        "profile": {name: profile[name] for name in Profile.model_fields},
        "dataset": document["dataset"],
        "recorded": YAML(typ="safe").load(Path(f"data/sets/{document['dataset']}/dataset.yaml"))["recorded"],
    }
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        paths = [".".join(map(str, e["loc"])).replace("profile.", f"profiles.{document['profile']}.", 1) for e in error.errors()]
        raise SystemExit("\n".join(f"params.yaml: {path}: {e['msg']}, got {e['input']!r}" for path, e in zip(paths, error.errors(), strict=True))) from None
