"""A clone of the working tree with a tiny setting, in which the whole graph has run once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from dvc.utils.hydra import apply_overrides

from tests.architecture.closure import ROOT
from tests.sampling.conftest import Served

NUM_TRAIN, NUM_TEST, NUM_RETENTION = 300, 40, 20
SECRETS = {name: f"planted-{token_hex(16)}" for name in ("HF_TOKEN", "OPENAI_API_KEY")}
# /bin/sh is what dvc takes where SHELL is unset, in CI for example
ENVIRONMENT = (
    os.environ
    | SECRETS
    | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1", "SHELL": "/bin/sh"}
)
for name in ("DVC_ROOT", "DVC_STAGE", "PYTHONPATH"):
    ENVIRONMENT.pop(name, None)

Serve = Callable[..., Served]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def make_clone(folder: Path) -> Path:
    """The files that git would hold, as they are now, in a repository of their own."""
    listed = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard").stdout.splitlines()
    for name in listed:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    for split, count in (("train", NUM_TRAIN), ("test", NUM_TEST), ("validation", NUM_TEST)):
        path = folder / f"data/laptop/problems/{split}.jsonl"
        path.write_text("".join(path.open().readlines()[:count]))
    retention = folder / "data/laptop/families/guard.jsonl"
    retention.write_text("".join([line for line in retention.open() if '"task": "math"' not in line][:NUM_RETENTION]))
    apply_overrides(
        str(folder / "params.yaml"),
        [
            "profiles.laptop.student-8b.train.num_epochs=1",
            "profiles.laptop.student-70b.train.num_epochs=1",
            "evaluate.num_resamples=1000",
        ],
    )
    for command in (
        ("init", "-q"),
        ("add", "-A"),
        ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "clone"),
    ):
        assert run(folder, "git", *command).returncode == 0
    return folder


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_clone(tmp_path_factory.mktemp("clone"))
    done = run(folder, "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "first.log").write_text(done.stdout + done.stderr)
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "results")
    return folder


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running: list[Served] = []

    def start(*options: str) -> Served:
        (tmp_path / "server").mkdir(exist_ok=True)
        running.append(Served(tmp_path / "server", *options))
        return running[-1]

    yield start
    for served in running:
        served.process.kill()
        served.process.wait()
