"""The parameters of `logits`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from stages.models.local import pin
from stages.sampling.dated import Prompts, section
from stages.sampling.limits import Limits
from stages.sampling.role import Role, Words, find, sections

ENGINES = ("transformers", "vllm", "openai")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Logits(Section):
    top_k: Annotated[int, Field(ge=0)]  # tokens kept at each position; 0 asks nobody
    teachers: Words  # names of roles: the mean of their probabilities
    batch_size: Annotated[int, Field(gt=0)]  # rows of a pass of a local model


class Base(Section):
    model: str
    revision: str


class Params(Section):
    """`teachers` are those that the section `logits` names, `students` the bases that learn; none where it is off."""

    logits: Logits
    sampling: Limits
    prompts: Prompts
    teachers: dict[str, Role]
    students: dict[str, Base]


def load() -> Params:
    """Raises SystemExit with the path, what is wrong and what was got, for every wrong value that this run would
    use."""
    document = YAML(typ="safe").load(Path("params.yaml"))
    profile = document["profiles"][document["profile"]]
    place = f"profiles.{document['profile']}"
    bound: dict[str, Any] = {name: document[name] for name in ("logits", "sampling")}
    bound["prompts"] = section(document)
    where, is_on = {"students": place, "teachers": place}, bool(document["logits"].get("top_k"))
    known = sections(profile, document["students"])
    named = str(document["logits"].get("teachers", "")).split() if is_on else []
    for name in named:
        if name not in known or named.count(name) > 1:
            raise SystemExit(
                f"params.yaml: logits.teachers: got {' '.join(named)!r}, wanted one or more, each once, of "
                f"{', '.join(known)}: the profile {document['profile']} has these, and others may stand in its roles"
            )
    bound["teachers"] = {name: find(profile, known[name]) for name in named}
    bound["students"] = {
        name: {key: profile[f"student-{name}"]["base"][key] for key in Base.model_fields}
        for name in (document["students"] if is_on else [])
    }
    try:
        params = Params.model_validate(bound)
    except ValidationError as error:
        raise SystemExit(
            "\n".join(
                f"params.yaml: {'.'.join([where.get(str(e['loc'][0]), str(e['loc'][0])), *map(str, e['loc'][1:])])}: "
                f"{e['msg']}, got {e['input']!r}"
                for e in error.errors()
            )
        ) from None
    for name, teacher in params.teachers.items():
        if teacher.engine not in ENGINES:
            raise SystemExit(
                f"params.yaml: logits.teachers: got {name}, whose engine is {teacher.engine}, wanted one that tells "
                f"probabilities: {', '.join(ENGINES)}; name another, or change {place}.{'.'.join(known[name])}.engine"
            )
    return params.model_copy(update={"teachers": pinned(params.teachers), "students": pinned(params.students)})


def pinned(models: Mapping[str, Role | Base]) -> dict[str, Role | Base]:
    """With the revision of a merged model, which is its digest."""
    return {name: one.model_copy(update={"revision": pin(one.model, one.revision)}) for name, one in models.items()}
