"""What the experiments of a study left: their metrics in git, their prompts and replies in DVC's cache. Nothing is
checked out.

The lock of `evaluate` names, by digest, what it read, and the parameters by which it graded.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from dvc.repo import Repo
from dvc.repo.experiments.utils import exp_refs_by_names

from stages.evaluate.params import Params
from tools.study.study import Point

METRICS = ("evaluate", "generate", "filter", "select")
BY_HEAD = "  evaluate:\n"  # of the lock's block; the whole file takes longer to read than the rows


class Experiment(NamedTuple):
    """`read` is what `evaluate` read: a path of the project, and where it lies in the cache."""

    point: Point
    revision: str
    read: dict[str, Path]
    settings: str  # of grading, as JSON: equal for most experiments
    metrics: dict[str, Any]


class Missing(NamedTuple):
    name: str
    why: str


def read_experiments(points: Sequence[Point]) -> tuple[list[Experiment], list[Missing]]:
    """In the order of the points; one whose rows are not at hand is missing, and says why."""
    found, missing = list[Experiment](), list[Missing]()
    with Repo() as repo, reading(Path(repo.root_dir)) as blob:
        scm: Any = repo.scm
        baseline = scm.get_rev()
        named = exp_refs_by_names(scm, {point.name for point in points})
        for point in points:
            # a name may hang on several commits: the one of this commit goes before others
            refs = sorted(named.get(point.name, []), key=lambda ref: (ref.baseline_sha != baseline, ref.baseline_sha))
            if not refs:
                missing.append(Missing(point.name, "there is no such experiment"))
                continue
            read = read_one(point, str(scm.get_ref(str(refs[0]))), blob, repo.cache.local.oid_to_path)
            found.append(read) if isinstance(read, Experiment) else missing.append(read)
    return found, missing


def read_one(point: Point, revision: str, blob: Any, in_cache: Any) -> Experiment | Missing:
    lock = blob(f"{revision}:dvc.lock") or b""
    block = block_of(lock.decode())
    metrics = {name: json.loads(blob(f"{revision}:metrics/{name}.json") or b"null") for name in METRICS}
    if block is None or None in metrics.values():
        return Missing(point.name, f"commit {revision[:7]} has no results of evaluate")
    read = {dep["path"]: Path(in_cache(dep["md5"])) for dep in block["deps"] if dep["path"].startswith("data/")}
    for path, place in read.items():
        if not place.exists():
            return Missing(point.name, f"{path} is not in DVC's cache; `dvc fetch` or `dvc exp pull` brings it")
    return Experiment(point, revision, read, to_settings(block["params"]["params.yaml"]).model_dump_json(), metrics)


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
        prices={},  # costs stand in the metrics
        training_cost={},
    )


@contextmanager
def reading(root: Path) -> Iterator[Any]:
    """A function from `revision:path` to the bytes that git has there, None where it has none."""
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
