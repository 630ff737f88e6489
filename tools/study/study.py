"""The study's file, studies/<name>.yaml, and the points that it spans: an arm, a data set and a seed each."""

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from tools.recipe import RECIPES, is_known, leaves

STUDIES = Path("studies")
SEED, DATASET = "train.seed", "dataset"  # the parameters that `seeds` and `datasets` set
Value = bool | int | float | str | None


def by_name(values: Any) -> Any:
    """A list of values as a mapping, each by its own name."""
    return {str(value): value for value in values} if isinstance(values, list) else values


Name = Annotated[str, Field(pattern=r"^\w+([.-]\w+)*$")]  # what is legal in the name of an experiment
Named = Annotated[dict[Name, Value], BeforeValidator(by_name), Field(min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Budget(Section):
    max_runs: Annotated[int, Field(ge=0)]  # points that are not done yet; 0 is no limit
    max_cost: Annotated[float, Field(ge=0)]  # of asking for them, in the currency of the prices; 0.0 is no limit


class StudyFile(Section):
    about: str
    datasets: Annotated[dict[Name, str], BeforeValidator(by_name), Field(min_length=1)]
    seeds: Annotated[list[int], Field(min_length=1)]
    common: dict[str, Value]  # of every point
    grid: dict[str, Named]  # crossed
    arms: dict[Name, Name | dict[str, Value]]  # more of them: a recipe's name, or its parameters
    leave_out: list[dict[str, Value | list[Value]]]  # points that equal another or make no sense
    compare: str  # the arm against which the others are reported
    budget: Budget


class Arm(NamedTuple):
    """`factors` are its settings by the names that the study's file gives the values."""

    name: str
    factors: dict[str, str]
    settings: dict[str, Value]


class Point(NamedTuple):
    """`name` is that of its experiment; `dataset` is the name that the study's file gives it."""

    name: str
    arm: str
    dataset: str
    seed: int
    settings: dict[str, Value]  # every parameter in which it differs from params.yaml


class Study(NamedTuple):
    name: str
    file: StudyFile
    profile: str
    arms: dict[str, Arm]


def read_study(name: str) -> Study:
    """Raises SystemExit with the file, what is wrong and what was wanted."""
    path = STUDIES / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(path.stem for path in STUDIES.glob("*.yaml")))
        raise SystemExit(f"study {name}: got no {path}, wanted one of {known}")
    yaml = YAML(typ="safe")
    params: dict[str, Any] = yaml.load(Path("params.yaml"))  # pyright: ignore[reportUnknownMemberType]
    try:
        file = StudyFile.model_validate(yaml.load(path))  # pyright: ignore[reportUnknownMemberType]
    except ValidationError as error:
        raise SystemExit(
            "\n".join(f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors())
        ) from None
    arms = [*crossed(file.grid), *(named(arm, what) for arm, what in file.arms.items())]
    study = Study(name, file, str(file.common.get("profile", params["profile"])), {arm.name: arm for arm in arms})
    check_once(path, "arms", [arm.name for arm in arms])
    check_once(path, "seeds", file.seeds)
    check_parameters(path, params, study)
    check_left_out(path, study)
    check_compared(path, study)
    return study


def points(study: Study) -> list[Point]:
    """In the order of the file: by data set, then by arm, then by seed."""
    return [
        Point(f"{study.name}-{dataset}-{arm.name}-{seed}", arm.name, dataset, seed, settings(study, arm, folder, seed))
        for dataset, folder in study.file.datasets.items()
        for arm in study.arms.values()
        if not any(meets(conditions, arm, dataset) for conditions in study.file.leave_out)
        for seed in study.file.seeds
    ]


def settings(study: Study, arm: Arm, folder: str, seed: int) -> dict[str, Value]:
    """An arm's value goes before one that is common."""
    given = {**study.file.common, **arm.settings, DATASET: folder, SEED: seed}
    return {param.replace("${profile}", study.profile): value for param, value in given.items()}


def crossed(grid: dict[str, Named]) -> list[Arm]:
    """An arm for every combination of the grid's values, by their names."""
    if not grid:
        return []
    arms: list[Arm] = []
    for names in product(*grid.values()):
        factors = dict(zip(grid, names, strict=True))
        arms.append(Arm("-".join(names), factors, {param: grid[param][name] for param, name in factors.items()}))
    return arms


def named(name: str, what: str | dict[str, Value]) -> Arm:
    settings = recipe(name, what) if isinstance(what, str) else what
    return Arm(name, {param: str(value) for param, value in settings.items()}, settings)


def recipe(arm: str, name: str) -> dict[str, Value]:
    path = RECIPES / f"{name}.yaml"
    if not path.exists():
        raise SystemExit(f"arm {arm}: got no {path}, wanted the name of a recipe; `python -m tools.recipe` lists them")
    tree = YAML(typ="safe").load(path)  # pyright: ignore[reportUnknownMemberType]
    return {".".join(keys): value for keys, value in leaves(tree)}


def meets(conditions: dict[str, Value | list[Value]], arm: Arm, dataset: str) -> bool:
    """All of them, each by the name of a value; a list has several that meet it."""
    facts = {**arm.factors, "arm": arm.name, "dataset": dataset}
    return all(
        key in facts and facts[key] in map(str, wanted if isinstance(wanted, list) else [wanted])
        for key, wanted in conditions.items()
    )


def check_once(path: Path, key: str, names: list[Any]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise SystemExit(f"{path}: {key}: got {', '.join(map(str, twice))} more than once, wanted each once")
    if not names:
        raise SystemExit(f"{path}: got no arm, wanted some in `grid` or `arms`")


def check_parameters(path: Path, params: dict[str, Any], study: Study) -> None:
    if study.profile not in params["profiles"]:
        raise SystemExit(f"{path}: got the profile {study.profile}, wanted one of {', '.join(params['profiles'])}")
    given = {**study.file.common, **{param: None for arm in study.arms.values() for param in arm.settings}}
    for param in given:
        if param in (SEED, DATASET):
            raise SystemExit(f"{path}: got the parameter {param}, wanted its values in `{param.split('.')[-1]}s`")
        keys = param.replace("${profile}", study.profile).split(".")
        if not is_known(params, keys):
            raise SystemExit(f"{path}: got the parameter {'.'.join(keys)}, wanted one of params.yaml")


def check_left_out(path: Path, study: Study) -> None:
    """A condition that meets no point is a slip."""
    for conditions in study.file.leave_out:
        if not any(meets(conditions, arm, dataset) for arm in study.arms.values() for dataset in study.file.datasets):
            raise SystemExit(
                f"{path}: leave_out: got {conditions}, which no point meets, wanted names of values in the grid, or of "
                f"an `arm` or a `dataset`"
            )


def check_compared(path: Path, study: Study) -> None:
    for dataset in study.file.datasets:
        arms = dict.fromkeys(point.arm for point in points(study) if point.dataset == dataset)
        if study.file.compare not in arms:
            raise SystemExit(
                f"{path}: compare: got {study.file.compare!r}, wanted an arm of every data set; {dataset} has "
                f"{', '.join(arms) or 'none'}"
            )
