"""`generate` against a real endpoint with faults: killed, twice at once, out of money, and nothing that tells the
key."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from stages.rows.parquet import count_rows
from stages.sampling.chat import VERSION
from stages.sampling.request import Model, Request, key
from tests.architecture.closure import ROOT
from tests.sampling.conftest import Served
from tests.settings import copy_settings
from tests.smoke.conftest import ENVIRONMENT, Serve
from tests.smoke.test_kill import wait_until

NUM_PROMPTS, WINDOW = 10_000, 256
COMPLETIONS = "data/completions/completions.parquet"
ENDPOINT = [
    "profiles.laptop.teacher.engine=openai",
    "profiles.laptop.teacher.model=org/teacher",
    "sampling.timeout_seconds=1.5",
]


def make_folder(folder: Path, num_prompts: int = NUM_PROMPTS) -> Path:
    """A working folder in which `generate` asks the endpoint."""
    folder.mkdir()
    copy_settings(folder)
    apply_overrides(str(folder / "params.yaml"), ENDPOINT)
    (folder / "data/prompts").mkdir(parents=True)
    with (folder / "data/prompts/train.jsonl").open("w") as file:
        for i in range(num_prompts):
            messages = {style: [{"role": "user", "content": f"question {i}"}] for style in ("plain", "cot")}
            file.write(
                json.dumps(
                    {
                        "id": f"p{i}",
                        "task": "math",
                        "reference": "1",
                        "solution": "",
                        "choices": [],
                        "schemas": {},
                        "messages": messages,
                    }
                )
                + "\n"
            )
    return folder


def generate(folder: Path, served: Served, ledger: Path | None = None) -> subprocess.Popen[str]:
    environment = ENVIRONMENT | {
        "PYTHONPATH": str(ROOT),
        "DVC_ROOT": str(ledger or folder),
        "OPENAI_BASE_URL": served.address,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "stages.generate"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_quiet(served: Served) -> None:
    """What was under way when its client died still leaves the server."""
    before = -1
    while (now := len(served.log())) != before:
        before = now
        time.sleep(1)


def completions(folder: Path) -> bytes:
    return (folder / COMPLETIONS).read_bytes()


def kept_prompts(folder: Path) -> set[str]:
    """The prompts that have a reply in the ledger."""
    revision = YAML(typ="safe").load(folder / "params.yaml")["profiles"]["laptop"]["teacher"]["revision"]
    model = Model("openai", "org/teacher", revision, "float32", 0.0, 0.0)
    asked = [Request("", "", (("user", f"question {i}"),), 0, 1, 64, 0.8, 1.0, 0) for i in range(NUM_PROMPTS)]
    prompts = {key(model, VERSION, request): request.messages[0][1] for request in asked}
    return {
        prompts[k] for (k,) in sqlite3.connect(folder / ".potstill/ledger.sqlite").execute("SELECT key FROM replies")
    }


@pytest.mark.slow
def test_killed_at_five_random_moments_it_asks_only_what_had_no_answer_and_ends_with_the_same_bytes(
    serve: Serve, tmp_path: Path
) -> None:
    whole = make_folder(tmp_path / "whole")
    with generate(whole, serve("--endings")) as process:
        assert process.wait() == 0, process.stdout and process.stdout.read()
    (tmp_path / "server/server.log").unlink()
    served, folder = serve("--faults"), make_folder(tmp_path / "killed")
    unread: list[set[str]] = []
    seed = random.randrange(1000)
    moments = sorted(random.Random(seed).sample(range(NUM_PROMPTS // 20, NUM_PROMPTS), 5))
    for moment in moments:
        with generate(folder, served) as process:
            wait_until(lambda moment=moment: len(set(served.answered())) >= moment)
            process.send_signal(signal.SIGKILL)
        wait_until_quiet(served)
        unread.append(set(served.answered()) - kept_prompts(folder))
        assert not (folder / "data/completions").exists()
    with generate(folder, served) as process:
        assert process.wait() == 0, process.stdout and process.stdout.read()
    print(
        f"seed {seed}: killed after {moments} answers; sent, but not yet read and kept: "
        f"{[len(prompts) for prompts in unread]}"
    )
    assert completions(folder) == completions(whole)
    # only answers that were on their way when the process died are asked for again
    times = Counter(served.answered())
    assert all(1 <= times[prompt] <= 1 + sum(prompt in prompts for prompts in unread) for prompt in times)
    assert len(times) == NUM_PROMPTS
    assert all(len(prompts) <= WINDOW for prompts in unread)


@pytest.mark.slow
def test_two_runs_at_once_share_the_prompts(serve: Serve, tmp_path: Path) -> None:
    served, count = serve("--faults"), 2_000
    folders = [make_folder(tmp_path / name, count) for name in ("one", "two")]
    processes = [generate(folder, served, ledger=tmp_path) for folder in folders]
    logs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], logs
    assert Counter(served.answered()) == Counter(f"question {i}" for i in range(count)), "none was paid for twice"
    assert completions(folders[0]) == completions(folders[1])


@pytest.mark.slow
def test_when_one_of_two_runs_is_killed_the_other_asks_its_share(serve: Serve, tmp_path: Path) -> None:
    served, count = serve("--latency", "0.1"), 2_000
    folders = [make_folder(tmp_path / name, count) for name in ("one", "two")]
    killed, other = (generate(folder, served, ledger=tmp_path) for folder in folders)
    wait_until(lambda: len(served.answered()) >= count // 2)
    killed.kill()
    killed.communicate()
    assert other.communicate() is not None
    assert other.returncode == 0
    assert len(set(served.answered())) == count
    assert len(served.answered()) <= count + WINDOW
    assert count_rows(folders[1] / COMPLETIONS) == count


def test_a_dry_run_tells_the_cost_and_asks_nothing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "dry")
    apply_overrides(
        str(folder / "params.yaml"),
        ["profiles.laptop.teacher.prompt_price=3.0", "profiles.laptop.teacher.completion_price=15.0"],
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_BASE_URL"} | {
        "PYTHONPATH": str(ROOT),
        "DVC_ROOT": str(folder),
    }
    command = [sys.executable, "-m", "stages.generate", "--dry-run"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    # 128,890 characters of prompts in all; the first 1,000 stand for the rest
    assert done.stderr.startswith("org/teacher: 10000 requests, 0 in the ledger, 10000 to ask: about 3")
    assert "prompt tokens (4 characters each), at most 640,000 completion tokens, cost at most 9.70" in done.stderr
    assert not (folder / "data/completions").exists()
