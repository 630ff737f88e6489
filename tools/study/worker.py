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
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

from dvc.repo.experiments.refs import ExpRefInfo
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
    environment: dict[str, str]
    point: Point | None = None
    steps: deque[list[str]] = field(default_factory=deque[list[str]])  # commands that are left of the point
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    def start(self, point: Point, plan: Plan) -> None:
        self.set_up(point, plan)
        self.point, self.started = point, time.monotonic()
        self.steps += [
            ["dvc", "repro"],
            ["git", "add", "-A"],
            ["git", "commit", "-q", "--allow-empty", "--no-verify", "-m", subject(point.name, plan.key)],
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
            copy = self.folder / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            shutil.copyfile(file, copy)

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
        """The commit into this checkout as an experiment of DVC; an earlier one under the same name gives way.

        `dvc exp save` would do the same with a second start of dvc, and commit a path of this machine with it
        (.dvc/tmp/repro.dat).
        """
        assert self.point is not None
        ref = ExpRefInfo(self.baseline, self.point.name)
        git("fetch", "-q", "--no-write-fetch-head", str(self.folder), f"+HEAD:{ref}")

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
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )


@contextmanager
def hired(count: int) -> Generator[list[Worker]]:
    """In new clones. What a killed run left is dropped, as it may hold half of anything; what it finished is in DVC's
    cache and in the ledger."""
    dismiss()
    baseline = git("rev-parse", "HEAD").strip()
    threads = str(max(1, len(os.sched_getaffinity(0)) // max(1, count)))  # more than there are cores only spin
    # this checkout's ledger and checkpoints, as DVC's own experiments have it
    environment = {"OMP_NUM_THREADS": threads, **os.environ, "DVC_ROOT": str(Path.cwd())}
    try:
        yield [Worker(clone(baseline), baseline, environment) for _ in range(count)]
    finally:
        dismiss()


def dismiss() -> None:
    for folder in HOME.glob("worker-*"):
        shutil.rmtree(folder, ignore_errors=True)


def clone(baseline: str) -> Path:
    folder = Path(mkdtemp(prefix="worker-", dir=HOME)).absolute()
    git("clone", "-q", "--no-checkout", ".", str(folder))
    for name, otherwise in (("user.name", "study"), ("user.email", "study@localhost")):
        in_folder(folder, "git", "config", name, git("config", "--default", otherwise, name).strip())
    in_folder(folder, "git", "config", "commit.gpgsign", "false")
    in_folder(folder, "git", "checkout", "-q", "--detach", baseline)
    share_cache(folder)
    return folder


def share_cache(folder: Path) -> None:
    """The clone keeps outputs and the run cache where this checkout does, and has its local settings."""
    local = Path(".dvc/config.local")
    if local.exists():
        shutil.copy(local, folder / local)
    cache = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    in_folder(folder, "dvc", "cache", "dir", "-q", "--local", cache)


def in_folder(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True)


def log(point: Point) -> Path:
    return HOME / f"{point.name}.log"


def lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []
