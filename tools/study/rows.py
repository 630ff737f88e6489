"""What the experiments of a study left: their metrics in git, their prompts and replies in DVC's cache. Nothing is
checked out.

The lock of `evaluate` names, by digest, what it read, and the parameters by which it graded.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from dvc.repo import Repo
from pydantic import ValidationError

from stages.evaluate.params import Params
from tools.study import experiments
from tools.study.stages import plan
from tools.study.study import Point, Value

Blob = Callable[[str], bytes | None]  # `revision:path` -> the bytes that git has there

READ = ("data/prompts/", "data/predictions/")  # of what evaluate reads, what the rows are
METRICS = ("evaluate", "generate", "filter", "select")
BY_HEAD = "  evaluate:\n"  # of the lock's block; the whole file takes longer to read than the rows


class Experiment(NamedTuple):
    """`lock` are the first digits of the SHA-256 of dvc.lock: those of a commit differ from run to run. `read` is what
    `evaluate` read: a path of the project, and where it lies in the cache."""

    point: Point
    revision: str
    lock: str
    read: dict[str, Path]
    settings: str  # of grading, as JSON: equal for most experiments
    metrics: dict[str, Any]


class Missing(NamedTuple):
    name: str
    why: str


def read_experiments(points: Sequence[Point]) -> tuple[list[Experiment], list[Missing]]:
    """In the order of the points; one whose rows are not at hand is missing, and says why."""
    named = experiments.found()
    with Repo() as repo, reading(Path(repo.root_dir)) as blob:
        read = [read_one(point, named.get(point.name, []), blob, repo.cache.local.oid_to_path) for point in points]
    return (
        [experiment for experiment in read if isinstance(experiment, Experiment)],
        [experiment for experiment in read if isinstance(experiment, Missing)],
    )


def read_one(
    point: Point, candidates: Sequence[experiments.Experiment], blob: Blob, in_cache: Callable[[str], str]
) -> Experiment | Missing:
    if not candidates:
        return Missing(point.name, "there is no such experiment")
    revision = experiments.current(candidates, plan(point))
    if revision is None:
        other = differing(point, blob(f"{candidates[0].revision}:params.yaml"))
        return Missing(point.name, f"it was run with {other or 'other code, data or parameters of params.yaml'}")
    lock = blob(f"{revision}:dvc.lock") or b""
    block = block_of(lock.decode())
    metrics = {name: json.loads(blob(f"{revision}:metrics/{name}.json") or b"null") for name in METRICS}
    if block is None or None in metrics.values():
        return Missing(point.name, f"commit {revision[:7]} has no results of evaluate")
    read = {dep["path"]: Path(in_cache(dep["md5"])) for dep in block["deps"] if dep["path"].startswith(READ)}
    for path, place in read.items():
        if not place.exists():
            return Missing(point.name, f"{path} is not in DVC's cache; `dvc fetch` or `dvc exp pull` brings it")
    try:
        settings = to_settings(block["params"]["params.yaml"]).model_dump_json()
    except (KeyError, ValidationError):
        return Missing(point.name, f"commit {revision[:7]} was run before evaluate had its parameters of today")
    return Experiment(point, revision, hashlib.sha256(lock).hexdigest()[:8], read, settings, metrics)


def differing(point: Point, params: bytes | None) -> str:
    """The first parameter in which an experiment is not the point, "" where it is: the study's file may have changed
    since."""
    document = yaml.load(params or b"{}", Loader=yaml.CBaseLoader)  # every value as it is written
    for param, wanted in point.settings.items():
        got = document
        for key in param.split("."):
            got = got.get(key) if isinstance(got, dict) else None
        if not is_same(got, wanted):
            return f"{param} {got}, wanted {wanted}"
    return ""


def is_same(written: Any, wanted: Value) -> bool:
    if isinstance(wanted, bool) or not isinstance(wanted, int | float):
        return str(written).lower() == str(wanted).lower() or (wanted is None and written in ("", "null"))
    try:
        return float(written) == wanted
    except (TypeError, ValueError):
        return False


def block_of(lock: str) -> dict[str, Any] | None:
    """What a dvc.lock says of `evaluate`."""
    start = lock.find(BY_HEAD)
    if start < 0:
        return None
    lines = lock[start + len(BY_HEAD) :].splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("    ")), len(lines))
    return yaml.load("\n".join(lines[:end]), Loader=yaml.CSafeLoader)


def to_settings(locked: dict[str, Any]) -> Params:
    """The parameters that grading needs, as the lock names them: by their paths in params.yaml."""
    of_profile = {name.split(".", 2)[-1]: value for name, value in locked.items() if name.startswith("profiles.")}
    return Params(
        evaluate=locked["evaluate"],
        split=locked["predict.split"],
        answer_format=of_profile["prompts.answer_format"],
        summary_words=of_profile["prompts.summary_words"],
        bare_number=locked["read"]["bare_number"],
        students=locked["students"],
        dataset=locked["dataset"],
        prices={},  # costs stand in the metrics
        training_cost={},
    )


@contextmanager
def reading(root: Path) -> Iterator[Blob]:
    """Git's files, by one process for all of them."""
    command = ["git", "cat-file", "--batch"]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        ask, answer = process.stdin, process.stdout
        assert ask
        assert answer

        def blob(name: str) -> bytes | None:
            ask.write(f"{name}\n".encode())
            ask.flush()
            head = answer.readline().split()
            if head[-1] == b"missing":
                return None
            content = answer.read(int(head[-1]))
            answer.read(1)  # the line's end behind it
            return content

        yield blob
        ask.close()
