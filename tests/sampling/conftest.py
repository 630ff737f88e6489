"""A real endpoint that misbehaves as told, and requests to put to it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stages.sampling.ledger.store import Ledger
from stages.sampling.limits import Budget, Limits
from stages.sampling.request import Model, Request
from tests.architecture.closure import ROOT

KEY = "planted-key-1234567890"
ENDPOINT = Model("openai", "org/teacher", "1", "auto", 1.0, 2.0)
ENDINGS = {"stop", "length", "content_filter"}


def limits(**changed: float) -> Limits:
    """Without any limit but those that are given; those of the budget by their own names."""
    budget = {name: changed.pop(name, 0) for name in Budget.model_fields}
    plain = {
        "max_concurrency": 64,
        "max_attempts": 10,
        "timeout_seconds": 3.0,
        "requests_per_minute": 0,
        "tokens_per_minute": 0,
        "min_success_ratio": 0.95,
    }
    return Limits.model_validate(plain | changed | {"budget": budget})


def request(text: str, **changed: float) -> Request:
    fields = {"sample": 0, "seed": 1, "max_tokens": 64, "temperature": 0.8, "top_p": 1.0, "top_k": 0} | changed
    return Request(prompt_id=text, style="cot", messages=(("system", "Answer."), ("user", text)), **fields)  # pyright: ignore[reportArgumentType]


def stream(count: int) -> Callable[[], Iterator[Request]]:
    return lambda: (request(f"question {i}") for i in range(count))


class Served:
    """A running fault server: its address, and what it has answered."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._log, port = folder / "server.log", folder / "port"
        port.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.sampling.fault_server", str(port), str(self._log), *options]
        self.process = subprocess.Popen(command, cwd=ROOT)
        while not port.exists():
            assert self.process.poll() is None
            time.sleep(0.02)
        self.port = port.read_text()
        self.address = f"http://127.0.0.1:{self.port}/v1"

    def log(self) -> list[tuple[str, str]]:
        """(prompt, finish reason or fault) of every answer so far, in order."""
        lines = self._log.read_text().splitlines()
        return [(prompt, kind) for prompt, _, kind in (line.partition("\t") for line in lines)]

    def answered(self) -> list[str]:
        """Prompts of the answers that left in full."""
        return [prompt for prompt, kind in self.log() if kind in ENDINGS]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Served]]:
    """Starts a fault server and points the environment to it."""
    running: list[Served] = []

    def start(*options: str) -> Served:
        running.append(Served(tmp_path, *options))
        monkeypatch.setenv("OPENAI_BASE_URL", running[-1].address)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        return running[-1]

    yield start
    for served in running:
        served.process.kill()
        served.process.wait()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger" / "ledger.sqlite")
