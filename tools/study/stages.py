"""What decides each stage of a point, as a key: points with equal keys share a stage, and an experiment that was run
under a point's key is that point."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from dvc.parsing.context import Context
from ruamel.yaml import YAML

from tools.study.study import Point, Value

PARAMS, PIPELINE = "params.yaml", "dvc.yaml"


class Stage(NamedTuple):
    """A stage of dvc.yaml with its templates filled in."""

    name: str
    command: str
    inputs: dict[str, list[str]]  # file or folder -> the stages that write it, or files in it
    parameters: list[tuple[str, str]]  # file and path


class Plan(NamedTuple):
    """What a point runs."""

    keys: dict[str, str]  # stage -> what decides it
    inputs: list[str]  # files and folders that no stage writes

    @property
    def key(self) -> str:
        return digest(self.keys)[:16]


def plan(point: Point) -> Plan:
    params = with_settings(load(PARAMS), point.settings)
    in_pipeline = {name: at(params, name.split(".")) for name in templates()}
    stages = {stage.name: stage for stage in filled_in(json.dumps(in_pipeline))}
    keys: dict[str, str] = {}

    def key(name: str) -> str:
        if name not in keys:
            _, command, inputs, parameters = stages[name]
            read = {path: [key(maker) for maker in makers] or content(path) for path, makers in inputs.items()}
            values = [at(params if file == PARAMS else load(file), path.split(".")) for file, path in parameters]
            keys[name] = digest([command, read, parameters, values])
        return keys[name]

    inputs = {path for stage in stages.values() for path, makers in stage.inputs.items() if not makers}
    return Plan({name: key(name) for name in stages}, sorted(inputs))


@cache
def templates() -> list[str]:
    """The parameters that stand in dvc.yaml as ${name}."""
    names = set(re.findall(r"\$\{([\w.-]+)\}", Path(PIPELINE).read_text()))
    return sorted(name for name in names if not name.startswith("item."))


@cache
def filled_in(values: str) -> list[Stage]:
    """The stages as DVC itself reads dvc.yaml where its templates have these values."""
    tree: dict[str, Any] = {}
    for name, value in json.loads(values).items():
        *path, last = name.split(".")
        branch = tree
        for key in path:
            branch = branch.setdefault(key, {})
        branch[last] = value
    stages = dict(resolved(Context(tree)))
    makers = {path: name for name, stage in stages.items() for path in outputs(stage)}
    return [
        Stage(
            name, stage["cmd"], {path: made_by(path, makers) for path in stage.get("deps", [])}, list(bound_by(stage))
        )
        for name, stage in stages.items()
    ]


def resolved(context: Context) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, definition in load(PIPELINE)["stages"].items():
        template = {part: what for part, what in definition.items() if part != "matrix"}
        if "matrix" not in definition:
            yield name, context.resolve(template)
            continue
        matrix = context.resolve(definition["matrix"])
        for values in product(*matrix.values()):
            with context.set_temporarily({"item": dict(zip(matrix, values, strict=True))}):
                yield f"{name}@{'-'.join(map(str, values))}", context.resolve(template)


def outputs(stage: dict[str, Any]) -> Iterator[str]:
    for kind in ("outs", "metrics", "plots"):
        for output in stage.get(kind, []):
            yield from output if isinstance(output, dict) else [output]


def made_by(path: str, makers: dict[str, str]) -> list[str]:
    return [
        maker
        for output, maker in makers.items()
        if output == path or output.startswith(f"{path}/") or path.startswith(f"{output}/")
    ]


def bound_by(stage: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for param in stage.get("params", []):
        for file, paths in param.items() if isinstance(param, dict) else [(PARAMS, [param])]:
            yield from ((file, path) for path in paths)


def with_settings(params: dict[str, Any], settings: dict[str, Value]) -> dict[str, Any]:
    changed = deepcopy(params)
    for param, value in settings.items():
        *path, last = param.split(".")
        at(changed, path)[last] = value
    return changed


def at(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


@cache
def load(path: str) -> dict[str, Any]:
    check_exists(path)
    return YAML(typ="safe").load(Path(path))  # pyright: ignore[reportUnknownMemberType]


@cache
def content(path: str) -> list[str]:
    """What the last commit has there, by git's name for it, and a digest of each file that git does not hold."""
    check_exists(path)
    files = [f"{file} {hashlib.sha256(Path(file).read_bytes()).hexdigest()}" for file in not_in_git(path)]
    return [committed().get(real(path), ""), *files]


@cache
def committed() -> dict[str, str]:
    lines = [line.split("\t") for line in git("ls-tree", "-rtz", "HEAD").split("\0") if line]
    return {path: facts.split()[2] for facts, path in lines}


@cache
def not_in_git(path: str) -> list[str]:
    """Files of an input that git does not hold, such as rows of a data set, without those that DVC passes over."""
    ignored = ["-X", ".dvcignore"] if Path(".dvcignore").exists() else []
    return sorted(file for file in git("ls-files", "-zo", *ignored, "--", real(path)).split("\0") if file)


def check_exists(path: str) -> None:
    if not Path(path).exists():
        raise SystemExit(f"got no {path}, wanted what a stage of dvc.yaml reads; see `datasets` in the study's file")


def real(path: str) -> str:
    """Where a link leads."""
    return os.path.relpath(Path(path).resolve())


def git(*arguments: str) -> str:
    """Of this checkout. Raises SystemExit with what git says is wrong."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
