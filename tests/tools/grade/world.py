"""A folder with predictions to grade: summaries by two arms, of which the first is the better on two prompts of three."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ruamel.yaml import YAML

from stages.rows.parquet import write_rows
from stages.rows.prompt import Message, Prompt, write_prompts
from stages.rows.row import schema, to_row
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

NUMBER = 60  # of prompts
MODELS = ("teacher", "base-8b", "base-70b", "8b", "70b")
FILLER = "The weather was fine, and there was a breeze from the sea. "
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)")


def make(folder: Path, num_prompts: int, words: int = 1, **people: Any) -> None:
    """`words` is how often an article has its filler, `people` are changes of data/grades/people.yaml."""
    copy_settings(folder, "dataset=laptop-summarization")
    shutil.copytree(ROOT / "data/rubrics", folder / "data/rubrics")
    (folder / "data/grades").mkdir()
    settings = YAML(typ="safe").load(ROOT / "data/grades/people.yaml") | people
    YAML().dump(settings, folder / "data/grades/people.yaml")
    prompts = [to_prompt(number, words) for number in range(num_prompts)]
    write_prompts(folder / "data/prompts/test.jsonl", prompts)
    for model in MODELS:
        rows = [
            to_row(prompt, "test", model, "plain", 0, replied(said(model, number)))
            for number, prompt in enumerate(prompts)
        ]
        write_rows(folder / f"data/predictions/{model}.parquet", rows, schema("generate"))


def to_prompt(number: int, words: int) -> Prompt:
    article = f"Tom met Ivy in Lima on Monday. {FILLER * words}They bought {number} shells for Max."
    messages = {"plain": [Message("system", "Summarise."), Message("user", article)]}
    return Prompt(f"t{number}", "summarization", f"Tom and Ivy bought {number} shells.", "", [], messages, {})


def said(model: str, number: int) -> str:
    is_good = (model == "8b") == (number % 3 > 0)
    return f"Tom and Ivy bought {number} shells for Max in Lima." if is_good else f"Nice weather, number {number}."


def replied(text: str) -> Any:
    return SimpleNamespace(
        text=text, reasoning="", finish_reason="stop", error="", prompt_tokens=1, completion_tokens=1
    )


def good(text: str) -> bool:
    return "shells for Max" in text


@contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen, str]]:
    """The real command, and the address that it prints."""
    command = [sys.executable, "-m", "tools.grade", "--no-browser", "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            found = ADDRESS.search(process.stdout.readline())
            assert found, "it printed no address"
            yield process, found[0]
        finally:
            process.send_signal(signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
