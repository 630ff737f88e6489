"""The parameters of `grade`."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stages.models.local import check, pin
from stages.sampling import dated
from stages.sampling.dated import Prompts
from stages.sampling.limits import Limits
from stages.sampling.role import Role, Words, find, sections
from stages.settings import params_yaml

NONE = "none"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Grade(Section):
    by: Words  # none, or the roles that judge
    how: Words  # rubric, pairs
    num_prompts: Annotated[int, Field(ge=0)]  # of the split; 0 is all
    max_tokens: Annotated[int, Field(gt=0)]  # of a verdict


class Asked(Section):
    role: Role


class Params(Section):
    grade: Grade
    prompts: Prompts
    sampling: Limits
    split: Literal["validation", "test"]
    answer_format: str
    structured: bool
    bare_number: bool
    students: list[str]
    judges: dict[str, Role]  # by the role's name
    nli: Role | None  # the role of that name, a classifier; None where the profile has none
    models: dict[str, str]  # the name of the model behind the teacher, each base and each student


def load() -> Params:
    document = params_yaml.read()
    name = document["profile"]
    profile, students = document["profiles"][name], document["students"]
    known = sections(profile, students)
    by = str(find(document, ("grade", "by")) or "").split()
    judges = [] if by == [NONE] else by
    if len(judges) > 2 or len(set(judges)) < len(judges) or not set(judges) <= set(known):
        raise SystemExit(
            f"params.yaml: grade.by: got {' '.join(by)!r}, wanted none, or one or two roles of the profile {name}: "
            f"{', '.join(known)}"
        )
    named = {role: find(profile, where)["model"] for role, where in known.items() if where[0] != "roles"}
    bound: dict[str, Any] = {
        "grade": document["grade"],
        "prompts": dated.section(document),
        "sampling": document["sampling"],
        "split": document["predict"]["split"],
        "answer_format": profile["prompts"]["answer_format"],
        "structured": profile["prompts"]["structured"],
        "bare_number": document["read"]["bare_number"],
        "students": students,
        "judges": {role: to_role(profile, known[role], name) for role in judges},
        "nli": to_role(profile, known["nli"], name) if "nli" in known else None,
        "models": named | {student: named[f"base-{student}"] for student in students},
    }
    params = params_yaml.validated(Params, bound, {})
    wrong = sorted(set(params.grade.how) - {"rubric", "pairs"})
    if wrong:
        raise SystemExit(
            f"params.yaml: grade.how: got {wrong[0]!r}, wanted rubric, pairs, or both with a space between"
        )
    if params.nli and params.nli.engine != "transformers":
        raise SystemExit(
            f"params.yaml: profiles.{name}.roles.nli.engine: got {params.nli.engine}, wanted transformers, which "
            f"loads a classifier"
        )
    return params


def to_role(profile: dict[str, Any], where: tuple[str, ...], name: str) -> Role:
    place = ".".join(("profiles", name, *where))
    return params_yaml.validated(Asked, {"role": find(profile, where)}, {"role": place}).role


def to_judge(role: Role) -> Role:
    """The role with the model of a folder being the one that params.yaml pins."""
    pinned = role.model_copy(update={"revision": pin(role.model, role.revision)})
    if pinned.engine != "openai":
        check(pinned.model, pinned.revision)
    return pinned


def relatives(judge: Role, models: dict[str, str]) -> list[str]:
    """Those of the models that are of the judge's family, so that its verdicts may favour them (arXiv 2404.13076)."""
    return [name for name, model in models.items() if model == judge.model or family(model) == family(judge.model)]


def family(model: str) -> str:
    """How its name begins: llama of meta-llama/Llama-3.1-8B-Instruct."""
    name = model.rstrip("/").rpartition("/")[2].casefold()
    return re.match(r"[a-z]*", name)[0] or name  # pyright: ignore[reportOptionalSubscript] - it matches nothing at least
