"""What is said before a model is asked."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stages.sampling.estimate import estimate
from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Model
from tests.architecture.closure import ROOT
from tests.sampling.conftest import ENDPOINT, request


def test_the_estimate_counts_with_the_models_own_tokenizer(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = Model("transformers", str(ROOT / "data/laptop/models/teacher"), "", "float32", 3.0, 5.0)
    estimate(teacher, lambda: iter([request("7 + 8"), request("7 + 8", seed=2)]), ledger)
    # "Answer." is 1 + 1 tokens or more; the cost is that of the line's own numbers
    line = capsys.readouterr().err
    assert "2 requests, 0 in the ledger, 2 to ask: about " in line
    assert "prompt tokens (by the model's tokenizer), at most 128 completion tokens, cost at most 0.00" in line


def test_the_estimate_without_a_tokenizer(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    dear = replace(ENDPOINT, prompt_price=1e6, completion_price=2e6)
    estimate(dear, lambda: iter([request("x" * 33)]), ledger)  # 7 characters of system prompt, so 40 in all
    assert capsys.readouterr().err == (
        "org/teacher: 1 requests, 0 in the ledger, 1 to ask: about 10 prompt tokens (4 characters each), at most 64 "
        "completion tokens, cost at most 138.00\n"
    )


def test_an_unknown_price_is_no_price_of_nothing(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    estimate(replace(ENDPOINT, completion_price=None), lambda: iter([request("x" * 33)]), ledger)
    assert "at most 64 completion tokens, cost unknown\n" in capsys.readouterr().err


IN_THE_HUBS_CACHE = """
import json, sys
from stages.sampling.token_count import count_tokens
from stages.sampling.request import Model
print(json.dumps([count_tokens(Model("vllm", "org/m", revision, "auto", None, None), ["7 + 8 = 15"])[1] for revision in sys.argv[1:]]))
"""


def test_the_estimate_takes_the_tokenizer_of_the_models_revision(tmp_path: Path) -> None:
    """In the hub's cache lies one commit alone, and no branch that points to it."""
    commit, other = "a" * 40, "b" * 40
    snapshot = tmp_path / f"hub/models--org--m/snapshots/{commit}"
    snapshot.mkdir(parents=True)
    shutil.copy(ROOT / "data/laptop/models/teacher/tokenizer.json", snapshot)
    environment = os.environ | {"HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", IN_THE_HUBS_CACHE, commit, other]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["by the model's tokenizer", "4 characters each"]
