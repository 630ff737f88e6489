"""A tiny project of DVC with a study: two stages that take no time, and a file in which each notes that it ran."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.closure import ROOT
from tests.smoke.conftest import ENVIRONMENT
from tests.tools.study.made import forget


@pytest.fixture(autouse=True)
def forgotten() -> None:
    forget()


STAGE = """
import os, sys, time
from pathlib import Path
from ruamel.yaml import YAML

params = YAML(typ="safe").load(Path("params.yaml"))
with open(os.environ["DVC_ROOT"] + "/ran.txt", "a") as file:
    file.write(os.environ["DVC_STAGE"] + "\\n")
if os.environ["DVC_STAGE"] == "prepare":
    rows = "".join(sorted(path.read_text() for path in Path("data/" + params["dataset"]).glob("*.txt")))
    Path("prepared.txt").write_text(f"{rows} {params['first']}")
else:
    time.sleep(params["train"]["seconds"])
    if params["train"]["rate"] > 1:
        sys.exit("the loss is not finite")
    score = len(Path("prepared.txt").read_text()) + params["train"]["seed"] * params["train"]["rate"]
    Path("model.txt").write_text(str(score))
    Path("metrics.json").write_text('{"score": %s}' % score)
"""
PIPELINE = """
stages:
  prepare:
    cmd: exec python stage.py
    deps: [stage.py, 'data/${dataset}']
    params: [dataset, first]
    outs: [prepared.txt]
  train:
    matrix: {size: [small]}
    cmd: exec python stage.py ${item.size}
    deps: [stage.py, prepared.txt]
    params: [train, 'profiles.${profile}.${item.size}']
    outs: [model.txt]
    metrics: [metrics.json: {cache: false}]
"""
PARAMS = """
profile: laptop
dataset: one
first: {value: 1}
train: {seed: 1, rate: 0.5, seconds: 0.0}
profiles:
  laptop: {small: {width: 8}}
  large: {small: {width: 64}}
"""
STUDY = """
about: a test
datasets: {a: one, b: two}
seeds: [1, 2]
common: {'profiles.${profile}.small.width': 16}
grid:
  train.rate: {low: 0.25, high: 0.75}
arms: {}
leave_out: [{dataset: b, train.rate: high}]
compare: low
budget: {max_runs: 0, max_cost: 0.0}
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def commit(folder: Path) -> None:
    for command in (
        ("add", "-A"),
        ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-mx"),
    ):
        assert run(folder, "git", *command).returncode == 0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without DVC's own files, which only a run needs."""
    for name, text in {
        "stage.py": STAGE,
        "dvc.yaml": PIPELINE,
        "params.yaml": PARAMS,
        "studies/tiny.yaml": STUDY,
        "data/one/rows.txt": "1",
        "data/two/rows.txt": "22",
        ".gitignore": ".potstill/\nran.txt\nprepared.txt\nmodel.txt\n*.pyc\nlarge.txt\n",
        ".dvcignore": ".potstill/\n*.pyc\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert run(tmp_path, "git", "init", "-q").returncode == 0
    commit(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
