"""The parameters of `generate`."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from stages.sampling.dated import Prompts, section
from stages.sampling.limits import Limits
from stages.sampling.role import Role, Words, find, sections
from stages.settings import params_yaml


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Generate(Section):
    ask: Words  # roles
    styles: Words
    num_samples: Annotated[int, Field(gt=0)]  # completions for each prompt
    temperature: Annotated[float, Field(ge=0)]  # 0 is greedy
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=0)]  # 0 is no limit
    seed: int


class Profile(Section):
    asked: dict[str, Role]  # by the role's name, in the order of `generate.ask`
    max_tokens: dict[str, Annotated[int, Field(gt=0)]]  # of a reply, by style


class Params(Section):
    generate: Generate
    sampling: Limits
    prompts: Prompts
    profile: Profile
    dataset: str
    recorded: dict[str, Any] | None  # the data set brings completions along


def asked(document: dict[str, Any], profile: dict[str, Any]) -> dict[str, Any]:
    """The sections of the roles that `generate.ask` names."""
    known = sections(profile, document["students"])
    names = str(document["generate"]["ask"]).split()
    strangers = [name for name in names if name not in known]
    if strangers or len(set(names)) < len(names):
        raise SystemExit(
            f"params.yaml: generate.ask: got {document['generate']['ask']!r}, wanted some of {', '.join(known)}, each "
            f"once, with spaces between them"
        )
    return {name: find(profile, known[name]) for name in names}


def load() -> Params:
    document = params_yaml.read()
    profile = document["profiles"][document["profile"]]
    bound = {
        "generate": document["generate"],
        "sampling": document["sampling"],
        "prompts": section(document),
        "profile": {"asked": asked(document, profile), "max_tokens": profile["max_tokens"]},
        "dataset": document["dataset"],
        "recorded": YAML(typ="safe").load(Path(f"data/sets/{document['dataset']}/dataset.yaml"))["recorded"],
    }
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        paths = [path(e["loc"], document, profile) for e in error.errors()]
        raise SystemExit(
            "\n".join(
                f"params.yaml: {where}: {e['msg']}, got {e['input']!r}"
                for where, e in zip(paths, error.errors(), strict=True)
            )
        ) from None


def path(where: tuple[str | int, ...], document: dict[str, Any], profile: dict[str, Any]) -> str:
    """Of a wrong value, in params.yaml."""
    if where[:2] == ("profile", "asked"):
        role = sections(profile, document["students"])[str(where[2])]
        return ".".join(map(str, ("profiles", document["profile"], *role, *where[3:])))
    return ".".join(map(str, where)).replace("profile.", f"profiles.{document['profile']}.", 1)
