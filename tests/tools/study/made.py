"""A project with experiments as DVC leaves them: commits under refs/exps, rows in the cache. Replies are drawn."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from ruamel.yaml import YAML

from stages.rows.prompt import Message, Prompt, write_prompts
from stages.rows.row import schema
from tests.architecture.closure import ROOT
from tools.study import stages
from tools.study.experiments import subject
from tools.study.stages import plan
from tools.study.study import Point, Study, points, read_study

STUDENTS = ("8b", "70b")
LOCKED = {
    "evaluate": {"entities": "rule", "length_tolerance": 0.25, "max_forgetting": 0.05, "confidence": 0.95,
                 "num_resamples": 10000, "min_kappa": 0.4, "seed": 0},
    "predict.split": "test",
    "dataset": "laptop-math",
    "profiles.laptop.prompts.answer_format": "####",
    "profiles.laptop.prompts.summary_words": 12,
    "read": {"bare_number": False},
    "students": list(STUDENTS),
}  # fmt: skip


PIPELINE = "stages: {evaluate: {cmd: e, params: [dataset, generate, filter, select, train]}}"


def forget() -> None:
    """What a process has read of its checkout, because tests have one each."""
    read = (stages.load, stages.templates, stages.filled_in, stages.content, stages.committed, stages.not_in_git)
    for function in read:
        function.cache_clear()


class Made(NamedTuple):
    folder: Path
    points: list[Point]


def make_project(
    folder: Path, study: dict[str, Any], num_questions: int, is_right: Callable[[Point, str], Sequence[bool]]
) -> Made:
    """The study `made`, all of whose experiments are there; `is_right` says which questions a student gets right."""
    forget()
    for name in ("studies", "recipes", ".dvc/cache/files/md5"):
        (folder / name).mkdir(parents=True)
    (folder / ".dvc/config").write_text("")
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / "dvc.yaml").write_text(PIPELINE)
    YAML().dump(study, folder / "studies/made.yaml")
    for command in (["init", "-q"], ["add", "params.yaml", "dvc.yaml"], ["commit", "-qm", "made"]):
        git(folder, *command)
    every = points(read_study_in(folder))
    prompts = [to_prompt(f"test-{i:04}", i) for i in range(num_questions)]
    retained = [to_prompt(f"kept-{i:04}", i) for i in range(20)]
    common = {
        "data/prompts/test.jsonl": keep_prompts(folder, prompts),
        "data/prompts/retention.jsonl": keep_prompts(folder, retained),
        "data/predictions/teacher.parquet": keep_rows(folder, prompts, retained, [True] * num_questions, [True] * 20),
    }
    for student in STUDENTS:
        half = [i % 2 == 0 for i in range(num_questions)]
        common[f"data/predictions/base-{student}.parquet"] = keep_rows(folder, prompts, retained, half, [True] * 20)
    stream = list[bytes]()
    baseline = git(folder, "rev-parse", "HEAD")
    for point in every:
        read = dict(common)
        for place, student in enumerate(STUDENTS):
            right = is_right(point, student)
            forgot = [i >= 5 * (place + 1) for i in range(20)]  # the first student loses 25 %, the second 50 %
            read[f"data/predictions/{student}.parquet"] = keep_rows(folder, prompts, retained, right, forgot)
        with chdir(folder):
            stream.append(commit(baseline, point, lock_of(read), metrics_of(point)))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=b"".join(stream), check=True)
    return Made(folder, every)


def read_study_in(folder: Path) -> Study:
    with chdir(folder):
        return read_study("made")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def to_prompt(id: str, number: int) -> Prompt:
    asked = {"plain": [Message("system", "Give the answer after ####."), Message("user", f"What is {number} + 1?")]}
    return Prompt(id, "math", str(number + 1), "", [], asked, {})


def keep_prompts(folder: Path, prompts: Sequence[Prompt]) -> str:
    write_prompts(folder / "kept", prompts)
    return keep(folder, folder / "kept")


def keep_rows(
    folder: Path, prompts: Sequence[Prompt], retained: Sequence[Prompt], right: Sequence[bool], kept: Sequence[bool]
) -> str:
    """A wrong reply is one off."""
    every = [*zip(prompts, right, ["test"] * len(prompts), strict=True)]
    every += zip(retained, kept, ["retention"] * len(retained), strict=True)
    answers = [str(int(prompt.reference) + (not good)) for prompt, good, _ in every]
    frame = pl.DataFrame(
        {
            "id": [prompt.id for prompt, *_ in every],
            "split": [split for *_, split in every],
            "text": [f"{int(a) - 1} + 1 = {a}. #### {a}" for a in answers],
        }
    ).with_columns(pl.lit("math").alias("task"), pl.lit("plain").alias("style"), pl.lit("stop").alias("finish_reason"))
    others = {name: pl.lit(None, dtype) for name, dtype in schema("generate").items() if name not in frame.columns}
    frame = frame.with_columns(**others | {"prompt_tokens": pl.lit(9), "completion_tokens": pl.lit(5)})
    frame.write_parquet(folder / "kept")
    return keep(folder, folder / "kept")


def keep(folder: Path, path: Path) -> str:
    """Into DVC's cache."""
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    place = folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    place.parent.mkdir(exist_ok=True)
    path.replace(place)
    return digest


def lock_of(read: dict[str, str]) -> str:
    deps = "".join(f"    - path: {path}\n      hash: md5\n      md5: {digest}\n" for path, digest in read.items())
    params = json.dumps({"params.yaml": LOCKED})
    others = "  prompts:\n    cmd: exec python -m stages.prompts\n", "  train-8b:\n    cmd: exec python\n"
    return f"schema: '2.0'\nstages:\n{others[0]}  evaluate:\n    cmd: e\n    deps:\n{deps}    params: {params}\n{others[1]}"


def metrics_of(point: Point) -> dict[str, Any]:
    """Reasoning costs twice as many tokens."""
    tokens = 24 if "cot" in point.arm else 12

    def arm(model: str, style: str, value: float, price: float) -> dict[str, Any]:
        bounds = [value - 0.02, value + 0.02]
        return {"model": model, "style": style, "value": value, "interval": bounds, "cost_per_1000": price}

    told = [arm("teacher", "plain", 0.5, 0.05), arm("teacher", "cot", 0.9, 0.07)]
    for place, student in enumerate(STUDENTS):
        told += [arm(f"base-{student}", "plain", 0.3, 0.01 * (place + 1))]
        told += [arm(student, "plain", 0.5, 0.0006 * tokens * (place + 1))]
    return {
        "evaluate": {"arms": told},
        "generate": {"generate": {"prompt_tokens": 1000, "completion_tokens": 100 * tokens, "cost": 0.01}},
        "filter": {"filter": {"rows": 100, "rejected": {"wrong": tokens, "unreadable": 0}}},
        "select": {"select": {"tokens": 80 * tokens}},
    }


def commit(baseline: str, point: Point, lock: str, metrics: dict[str, Any]) -> bytes:
    """In git's fast-import format."""
    files = {
        "params.yaml": params_of(point),
        "dvc.lock": lock,
        **{f"metrics/{name}.json": json.dumps(told) for name, told in metrics.items()},
    }
    lines = [f"commit refs/exps/{baseline[:2]}/{baseline[2:]}/{point.name}\n".encode()]
    said = subject(point.name, plan(point).key).encode()
    lines += [b"committer a <a@b> 1700000000 +0000\ndata %d\n%s\n" % (len(said), said), f"from {baseline}\n".encode()]
    for path, text in files.items():
        content = text.encode()
        lines.append(f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n")
    return b"".join(lines)


def params_of(point: Point) -> str:
    params: dict[str, Any] = {}
    for param, value in point.settings.items():
        *path, last = param.split(".")
        section = params
        for key in path:
            section = section.setdefault(key, {})
        section[last] = value
    return json.dumps(params)


def drawn(effects: dict[str, float], num_questions: int, of_seed: float) -> Callable[[Point, str], list[bool]]:
    """Right where ability, difficulty and luck say so: a probit model with an effect for each arm."""
    difficulty = np.random.default_rng(0).normal(0, 1, num_questions)

    def is_right(point: Point, student: str) -> list[bool]:
        rng = np.random.default_rng([ord(c) for c in f"{point.name} {student}"])
        ability = effects[point.arm] + rng.normal(0, of_seed) + (student == "70b") * 0.2
        return (ability + difficulty + rng.normal(0, 0.5, num_questions) > 0).tolist()

    return is_right
