"""A clone of the last commit in which points are run, one after the other.

`dvc exp run --temp` would take each point from the working tree, and stash that for a moment: an edit during a study
would slip into its later points, and a kill in that moment would leave the tree changed. A clone has neither, and
what one point wrote is there for the next.
"""

import os
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

from dvc.utils.hydra import apply_overrides

from tools.recipe import written
from tools.study.experiments import subject
from tools.study.stages import PARAMS, Plan, git, not_in_git
from tools.study.study import Point

HOME = Path(".potstill/study")
STAGE_SAID = "Running stage '"


@dataclass
class Worker:
    folder: Path
    baseline: str
    point: Point | None = None
    steps: deque[list[str]] = field(default_factory=deque[list[str]])  # commands that are left of the point
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    def start(self, point: Point, plan: Plan) -> None:
        self.set_up(point, plan)
        self.point, self.started = point, time.monotonic()
        self.steps += [
            ["dvc", "repro"],
            ["git", "add", "-A"],  # metrics that the commit did not have
            ["dvc", "exp", "save", "--force", "-n", point.name, "-m", subject(point.name, plan.key)],
        ]
        log(point).unlink(missing_ok=True)
        self._next()

    def set_up(self, point: Point, plan: Plan) -> None:
        """The clone as the baseline is, with the point's parameters, and with inputs that git does not hold."""
        in_folder(self.folder, "git", "checkout", "-q", "--force", "--detach", self.baseline)
        in_folder(self.folder, "git", "clean", "-fdq")
        settings = [f"{param}={written(value)}" for param, value in point.settings.items()]
        apply_overrides(str(self.folder / PARAMS), settings)
        for file in (file for path in plan.inputs for file in not_in_git(path)):
            link = self.folder / file
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(Path(file).absolute())

    def poll(self) -> Literal["running", "done", "failed"]:
        assert self.process is not None
        code = self.process.poll()
        if code is None:
            return "running"
        if code:
            self.steps.clear()
            return "failed"
        if self.steps:
            self._next()
            return "running"
        return "done"

    def collect(self) -> None:
        """The experiment into this checkout; one of an earlier run under the same name gives way."""
        assert self.point is not None
        ref = f"refs/exps/{self.baseline[:2]}/{self.baseline[2:]}/{self.point.name}"
        git("fetch", "-q", "--no-write-fetch-head", str(self.folder), f"+{ref}:{ref}")

    def stage(self) -> str:
        """What it is at."""
        assert self.point is not None
        said = [line for line in lines(log(self.point)) if line.startswith(STAGE_SAID)]
        return said[-1].removeprefix(STAGE_SAID).rstrip(":'") if said else ""

    def _next(self) -> None:
        assert self.point is not None
        with log(self.point).open("ab") as file:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.steps.popleft()],  # it must not outlive the study
                cwd=self.folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )


def hire(count: int) -> Iterator[Worker]:
    """New clones. What a killed run left is dropped, as it may hold half of anything; what it finished is in DVC's
    cache and in the ledger."""
    HOME.mkdir(parents=True, exist_ok=True)
    for left in HOME.glob("worker-*"):
        shutil.rmtree(left, ignore_errors=True)
    baseline = git("rev-parse", "HEAD").strip()
    for _ in range(count):
        folder = Path(mkdtemp(prefix="worker-", dir=HOME)).absolute()
        git("clone", "-q", "--no-checkout", ".", str(folder))
        who = {name: git("config", "--default", "", name).strip() for name in ("user.name", "user.email")}
        for name, value in who.items():
            if value:
                in_folder(folder, "git", "config", name, value)
        in_folder(folder, "git", "checkout", "-q", "--detach", baseline)
        share_cache(folder)
        yield Worker(folder, baseline)


def share_cache(folder: Path) -> None:
    """The clone keeps outputs and the run cache where this checkout does, and has its local settings."""
    local = Path(".dvc/config.local")
    if local.exists():
        shutil.copy(local, folder / local)
    cache = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    in_folder(folder, "dvc", "cache", "dir", "-q", "--local", cache)


def in_folder(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, env=environment(), check=True)


def environment() -> dict[str, str]:
    """With this checkout's ledger and checkpoints, as DVC's own experiments have it."""
    return {**os.environ, "DVC_ROOT": str(Path.cwd())}


def log(point: Point) -> Path:
    HOME.mkdir(parents=True, exist_ok=True)
    return HOME / f"{point.name}.log"


def lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []
