"""The parameters of a score column: its own key of the section `score`, and the models that it names."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

from stages.models.local import check, pin
from stages.sampling.dated import Prompts, section
from stages.sampling.limits import Limits
from stages.sampling.role import Role, find, sections
from stages.settings import params_yaml

COLUMNS = Path(__file__).parent / "columns"
NONE = "none"  # whom params.yaml names where nobody is asked


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=BaseModel)


def load(column: str, kind: type[T]) -> T:
    """What `score.<column>` says. Raises SystemExit with the path, what is wrong and what was got."""
    score = params_yaml.read()["score"]
    known = sorted(path.stem for path in COLUMNS.glob("[!_]*.py"))
    wrong = sorted(set(score) - set(known))
    if wrong:
        raise SystemExit(f"params.yaml: score.{wrong[0]}: got a column that nobody knows, wanted {', '.join(known)}")
    return validated(kind, score.get(column), f"score.{column}")


def asked(column: str, key: str, name: str) -> Role | None:
    """The role of the profile that `score.<column>.<key>` names, the model of a folder being the one that params.yaml
    pins; None for none."""
    if name == NONE:
        return None
    document = params_yaml.read()
    profile = document["profiles"][document["profile"]]
    roles = sections(profile, document["students"])
    if name not in roles:
        raise SystemExit(
            f"params.yaml: score.{column}.{key}: got {name!r}, wanted none or a role of the profile "
            f"{document['profile']}: {', '.join(roles)}"
        )
    where = ".".join(["profiles", document["profile"], *roles[name]])
    role = validated(Role, find(profile, roles[name]), where)
    role = role.model_copy(update={"revision": pin(role.model, role.revision)})
    if role.engine != "openai":
        check(role.model, role.revision)
    return role


def loadable(column: str, key: str, name: str) -> Role | None:
    """Such a role, whose model can be loaded here: an endpoint tells neither how likely a given text is nor how a
    model would learn it."""
    role = asked(column, key, name)
    if role and role.engine == "openai":
        raise SystemExit(
            f"params.yaml: score.{column}.{key}: got {name}, whose engine is openai, wanted a model that can be "
            f"loaded here, as an endpoint tells neither how likely a given text is nor how it is learnt; "
            f"name another role"
        )
    return role


def check_pinned(column: str, name: str, revision: str) -> None:
    """Raise unless `score.<column>` names a model of which the revision is known, and that is the one in its folder."""
    if not revision and not Path(name).exists():
        raise SystemExit(
            f"params.yaml: score.{column}.revision: got '', wanted the hub commit of {name}, so that it cannot change"
        )
    check(name, revision)


def date() -> str:
    """Today's, to chat templates."""
    return validated(Prompts, section(params_yaml.read()), "prompts").date


def limits() -> Limits:
    return validated(Limits, params_yaml.read()["sampling"], "sampling")


def validated(kind: type[T], value: Any, where: str) -> T:
    bound = create_model("Bound", section=(kind, ...))
    return getattr(params_yaml.validated(bound, {"section": value}, {"section": where}), "section")  # noqa: B009 - pydantic makes it
