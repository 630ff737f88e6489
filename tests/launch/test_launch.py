"""The scheduler's files are sound, and what they start goes on where another machine was taken away."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.architecture.closure import ROOT
from tests.settings import copy_settings

SCRIPTS = ("launch/repro.sh", "launch/potstill.sbatch")
SKY: dict[str, Any] = YAML(typ="safe").load(ROOT / "launch/potstill.sky.yaml")
SECONDS = 180


@pytest.mark.parametrize("script", [*SCRIPTS, "setup", "run"])
def test_the_scripts_are_sound(script: str, tmp_path: Path) -> None:
    path = ROOT / script
    if script in SKY:
        path = tmp_path / script
        path.write_text(f"#!/usr/bin/env bash\n{SKY[script]}")
    subprocess.run(["bash", "-n", path], check=True)
    checker = shutil.which("shellcheck") or pytest.skip("shellcheck is not installed")
    subprocess.run([checker, path], check=True)


def test_skypilots_task_has_no_key_that_it_does_not_know() -> None:
    known = {"name", "resources", "num_nodes", "workdir", "envs", "secrets", "file_mounts", "setup", "run"}
    assert set(SKY) <= known  # docs.skypilot.co/en/latest/reference/yaml-spec.html
    assert SKY["envs"]["POTSTILL_SHARED"] in SKY["file_mounts"]
    assert not any(SKY["secrets"].values()), "they come from the command line"


def test_slurm_reads_every_option_before_the_first_command() -> None:
    lines = (ROOT / "launch/potstill.sbatch").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    options = [number for number, line in enumerate(lines) if line.startswith("#SBATCH")]
    assert max(options) < first
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", lines[number]) for number in options)


# Two stages, of which the second takes long where a file says so.
GRAPH = """
stages:
  first: {cmd: "echo made >> runs.txt; echo 1 > first.txt", outs: [first.txt]}
  second:
    cmd: "test -f slow && exec sleep 60; echo 2 > second.txt"
    deps: [first.txt]
    outs: [second.txt]
"""
REPLY = """
from pathlib import Path
from stages.sampling.ledger.store import Ledger, default_path
from stages.sampling.request import Model, Reply
with_one = Ledger(default_path())
with_one.put(Model("openai", "m", "1", "auto", None, None), [(bytes(32), Reply("kept", "stop", 1, 1, "", ""))])
"""


def machine(folder: Path, remote: Path) -> Path:
    """A fresh clone: the launch files, a graph, the code that the ledger's tool runs, and a DVC remote."""
    folder.mkdir()
    for name in ("launch", "stages", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "dvc.yaml").write_text(GRAPH)
    for command in (
        ["git", "init", "-q"],
        ["dvc", "init", "-q"],
        ["dvc", "remote", "add", "-q", "--default", "store", str(remote)],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def start(folder: Path, shared: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    settings = {"POTSTILL_SHARED": str(shared), "PYTHONPATH": str(folder), "SLURM_SUBMIT_DIR": str(folder)}
    return subprocess.Popen(
        command or ["launch/repro.sh"],
        cwd=folder,
        env=os.environ | settings | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_what_a_lost_machine_finished_is_not_made_again(tmp_path: Path) -> None:
    remote, shared = tmp_path / "remote", tmp_path / "shared"
    lost = machine(tmp_path / "lost", remote)
    subprocess.run(["python", "-c", REPLY], cwd=lost, env=os.environ | {"PYTHONPATH": str(lost)}, check=True)
    (lost / "slow").touch()
    taken = start(lost, shared, "bash", "launch/potstill.sbatch", SLURM_JOB_ID="7", PATH=stand_in(tmp_path))
    wait_for(lost / "first.txt")
    wait_for_line(lost / "dvc.lock", "first.txt")
    taken.send_signal(signal.SIGTERM)
    assert taken.wait(SECONDS) == 143
    assert (tmp_path / "scontrol.txt").read_text() == "requeue 7\n"
    assert (shared / "replies.parquet").exists()
    other = machine(tmp_path / "other", remote)
    shutil.copy(lost / "dvc.lock", other)  # of the commit, or of the same checkout in Slurm
    done = start(other, shared)
    told, _ = done.communicate(timeout=SECONDS)
    assert done.returncode == 0, told
    assert (other / "second.txt").read_text() == "2\n"
    assert not (other / "runs.txt").exists(), "the first stage came from the remote"
    listed = subprocess.run(
        ["python", "-m", "tools.ledger", "list"], cwd=other, env=os.environ, capture_output=True, text=True, check=True
    )
    assert "1" in listed.stdout
    assert (other / ".potstill/checkpoints").resolve() == shared / "checkpoints"


def stand_in(folder: Path) -> str:
    """A PATH with a scontrol that notes what it is told and knows two hosts."""
    scontrol = folder / "bin/scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\n[ "$1" = show ] && printf "one\\ntwo\\n" || echo "$@" >> {folder}/scontrol.txt\n')
    scontrol.chmod(0o755)
    return f"{scontrol.parent}{os.pathsep}{os.environ['PATH']}"


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.2)


def wait_for_line(path: Path, text: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < deadline, path
        time.sleep(0.2)


@pytest.mark.slow
def test_several_machines_are_planned_together(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    machine(folder, tmp_path / "remote")
    copy_settings(folder, "profile=llama")
    environment = {"SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "[one-two]", "SLURM_GPUS_ON_NODE": "8"}
    chosen = {"POTSTILL_TARGETS": "--dry prompts", "PATH": stand_in(tmp_path)}
    done = start(folder, tmp_path / "shared", "bash", "launch/potstill.sbatch", **environment, **chosen)
    told, _ = done.communicate(timeout=SECONDS)
    assert (folder / ".potstill/hosts").read_text() == "one slots=8\ntwo slots=8\n", told
    for student in ("8b", "70b"):
        file = folder / f".potstill/parallelism-{student}.json"
        assert file.exists(), told
        text = file.read_text()
        assert '"num_processes": 16' in text
        assert '"hostfile": ".potstill/hosts"' in text
