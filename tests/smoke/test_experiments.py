"""Experiments of the whole graph with a real endpoint for their teacher: killed, two at once, and nothing that tells
the key."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from tests.sampling.conftest import Served
from tests.smoke.conftest import ENVIRONMENT, NUM_TRAIN, SECRETS, Serve, run
from tests.smoke.test_endpoint import ENDPOINT, wait_until_quiet
from tests.smoke.test_kill import num_kept, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(clone: Path, tmp_path: Path) -> Path:
    """The clone with an endpoint for its teacher, committed, and nothing asked yet."""
    subprocess.run(["git", "checkout", "-q", "."], cwd=clone, check=True)
    subprocess.run(["dvc", "checkout", "-q"], cwd=clone, env=ENVIRONMENT, check=True)
    folder = tmp_path / "copy"
    shutil.copytree(clone, folder, symlinks=True, ignore=shutil.ignore_patterns(".potstill"))
    apply_overrides(str(folder / "params.yaml"), [*ENDPOINT, "sampling.max_concurrency=4"])
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "endpoint")
    return folder


def experiment(folder: Path, served: Served, name: str, *more: str) -> subprocess.Popen[str]:
    command = ["dvc", "exp", "run", "--temp", "-n", name, *more, "generate"]
    environment = ENVIRONMENT | {"OPENAI_BASE_URL": served.address}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_experiments_killed_and_two_at_once_pay_once(copy: Path, serve: Serve) -> None:
    served = serve("--latency", "0.1")
    ledger = copy / ".potstill/ledger.sqlite"
    killed = experiment(copy, served, "killed")
    wait_until(lambda: num_kept(ledger) >= 20)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    wait_until_quiet(served)
    assert num_kept(ledger) < NUM_TRAIN
    lost = len(set(served.answered())) - num_kept(ledger)
    # a value that `generate` does not read makes two experiments of one
    running = [experiment(copy, served, f"exp-{seed}", "-S", f"evaluate.seed={seed}") for seed in (1, 2)]
    logs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], logs
    assert num_kept(ledger) == NUM_TRAIN
    assert len(served.answered()) == NUM_TRAIN + lost
    assert lost <= 4


def test_no_secret_is_in_any_file_or_log_whatever_fails(copy: Path, serve: Serve) -> None:
    apply_overrides(str(copy / "params.yaml"), ["sampling.max_concurrency=64"])
    logs = []
    for options, more, code in [
        (["--status", "401"], [], 255),
        (["--model", "org/other"], [], 255),
        (["--faults"], ["sampling.budget.max_requests=100"], 255),
        (["--status", "400"], ["sampling.budget.max_requests=0"], 255),
        (["--faults"], [], 0),
    ]:
        apply_overrides(str(copy / "params.yaml"), more)
        served = serve(*options)
        environment = ENVIRONMENT | {"OPENAI_BASE_URL": served.address}
        done = subprocess.run(
            ["dvc", "repro", "-s", "generate"], cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        logs.append(done.stdout + done.stderr)
        assert done.returncode == code, logs[-1]
    assert "the key was refused: HTTP 401: as told to" in logs[0]
    assert "answered by org/other" in logs[1]
    assert "stopped at sampling.budget.max_requests 100 with 200 requests left to ask" in logs[2]
    assert "got replies to 100 of 300 requests" in logs[3]
    for secret in SECRETS.values():
        assert not any(secret in log for log in logs)
        for path in copy.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path
