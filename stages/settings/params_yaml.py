"""params.yaml as a stage reads it: no key of it is unknown, and a wrong value is named with its place."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

UNBOUND = ("profile", "review", "live")
Params = TypeVar("Params", bound=BaseModel)


def read() -> dict[str, Any]:
    """params.yaml as YAML has it. Raises SystemExit where a key at its top, or right under a profile, is one that no
    stage of dvc.yaml reads; the keys of a section are checked by the stages that read it."""
    yaml = YAML(typ="safe")
    document: dict[str, Any] = yaml.load(Path("params.yaml"))  # pyright: ignore[reportUnknownMemberType]
    stages: dict[str, Any] = yaml.load(Path("dvc.yaml"))["stages"]  # pyright: ignore[reportUnknownMemberType]
    paths = [
        param.replace("${item.student}", student).split(".")
        for stage in stages.values()
        for param in stage["params"]
        if isinstance(param, str)  # else keys of another file
        for student in document["students"]
    ]
    # `profile` is no path of its own: it stands in those of its sections. The others in UNBOUND no stage depends on.
    check_keys(document, "", {*UNBOUND, *(path[0] for path in paths)})
    of_profile = {path[2] for path in paths if path[:2] == ["profiles", "${profile}"]}
    for name, profile in document["profiles"].items():
        check_keys(profile, f"profiles.{name}.", of_profile)
    return document


def check_keys(section: dict[str, Any], place: str, known: set[str]) -> None:
    for key in section:
        if key not in known:
            raise SystemExit(
                f"params.yaml: {place}{key}: got a key that no stage of dvc.yaml reads, wanted one of "
                f"{', '.join(sorted(known))}"
            )


def validated(params: type[Params], bound: dict[str, Any], where: dict[str, str]) -> Params:
    """`bound` as `params`. Raises SystemExit with the path, what is wrong and what was got, for every wrong value.

    `where` says which part of `bound` stands elsewhere in params.yaml than under its own name.
    """
    try:
        return params.model_validate(bound)
    except ValidationError as error:
        lines = []
        for e in error.errors():
            part, *keys = map(str, e["loc"])
            lines.append(f"params.yaml: {'.'.join([where.get(part, part), *keys])}: {e['msg']}, got {e['input']!r}")
        raise SystemExit("\n".join(lines)) from None
