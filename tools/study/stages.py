"""What decides each stage of a point, as a key: points with equal keys share a stage, and an experiment that was run
under a point's key is that point."""

import hashlib
import json
import os
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
    """A stage of dvc.yaml with a point's parameters filled in."""

    name: str
    command: str
    inputs: list[str]
    outputs: list[str]
    parameters: dict[str, Any]  # by file and path


class Plan(NamedTuple):
    """What a point runs."""

    keys: dict[str, str]  # stage -> what decides it
    inputs: list[str]  # files and folders that no stage writes

    @property
    def key(self) -> str:
        return digest(self.keys)[:16]


def plan(point: Point) -> Plan:
    stages = {stage.name: stage for stage in resolved(point)}
    makers = {output: stage.name for stage in stages.values() for output in stage.outputs}
    keys: dict[str, str] = {}
    inputs: set[str] = set()

    def key(name: str) -> str:
        if name not in keys:
            stage, read = stages[name], dict[str, Any]()
            for path in stage.inputs:
                if upstream := made_by(path, makers):
                    read[path] = [key(maker) for maker in upstream]
                else:
                    read[path] = content(path)
                    inputs.add(path)
            keys[name] = digest([stage.command, stage.parameters, read])
        return keys[name]

    return Plan({name: key(name) for name in stages}, sorted(inputs))


def made_by(path: str, makers: dict[str, str]) -> list[str]:
    """The stages that write the file, or files of the folder."""
    return [
        maker
        for output, maker in makers.items()
        if output == path or output.startswith(f"{path}/") or path.startswith(f"{output}/")
    ]


def resolved(point: Point) -> Iterator[Stage]:
    """dvc.yaml as DVC itself reads it under the point's parameters."""
    params = with_settings(load(PARAMS), point.settings)
    context = Context(params)
    for name, definition in load(PIPELINE)["stages"].items():
        template = {part: what for part, what in definition.items() if part != "matrix"}
        if "matrix" not in definition:
            yield to_stage(name, context.resolve(template), params)
            continue
        matrix = context.resolve(definition["matrix"])
        for values in product(*matrix.values()):
            with context.set_temporarily({"item": dict(zip(matrix, values, strict=True))}):
                yield to_stage(f"{name}@{'-'.join(map(str, values))}", context.resolve(template), params)


def to_stage(name: str, stage: dict[str, Any], params: dict[str, Any]) -> Stage:
    outputs = [
        path
        for kind in ("outs", "metrics", "plots")
        for output in stage.get(kind, [])
        for path in (output if isinstance(output, dict) else [output])
    ]
    parameters: dict[str, Any] = {}
    for param in stage.get("params", []):
        for file, paths in param.items() if isinstance(param, dict) else [(PARAMS, [param])]:
            values = params if file == PARAMS else load(file)
            parameters |= {f"{file}:{path}": at(values, path.split(".")) for path in paths}
    return Stage(name, stage["cmd"], stage.get("deps", []), outputs, parameters)


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
    return YAML(typ="safe").load(Path(path))  # pyright: ignore[reportUnknownMemberType]


@cache
def content(path: str) -> list[str]:
    """What the last commit has there, by git's name for it, and a digest of each file that git does not hold."""
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
