"""The whole stage, as dvc runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dvc.utils.hydra import apply_overrides

from stages.models.local import digest
from stages.rows.completion import write_completions
from stages.rows.prompt import write_prompts
from stages.rows.score import Scores, stream_scores
from tests.architecture.closure import ROOT
from tests.score.judge_server import judging
from tests.score.scored import COMPLETIONS, MODELS, PROMPTS
from tests.settings import copy_settings

OFF = {"judge": "none", "judge_max_tokens": "512", "perplexity": "none", "embedding": "none", "embedding_revision": "''", "batch_size": "2"}
ENDPOINT = ["profiles.laptop.teacher.engine=openai", "profiles.laptop.teacher.model=org/teacher"]
ENCODER = {"embedding": "data/laptop/models/base-8b", "embedding_revision": digest(MODELS / "base-8b")}


def make(folder: Path, *more: str, **score: str) -> Path:
    """A working folder with two prompts and five completions."""
    write_prompts(folder / "data/prompts/train.jsonl", PROMPTS)
    write_completions(folder / "data/completions/completions.jsonl", COMPLETIONS)
    (folder / "data/laptop").symlink_to(ROOT / "data/laptop")
    copy_settings(folder)
    apply_overrides(str(folder / "params.yaml"), ["profile=laptop", *(f"++score.{name}={value}" for name, value in (OFF | score).items()), *more])
    return folder


def run(folder: Path, *arguments: str, address: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder), "OPENAI_BASE_URL": address, "OPENAI_API_KEY": "x"}
    return subprocess.run([sys.executable, *(arguments or ("-m", "stages.score"))], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def rows(folder: Path) -> list[Scores]:
    return list(stream_scores(folder / "data/scores/scores.jsonl"))


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics/judged.json").read_text())["judged"]


def test_with_everything_off_it_writes_nulls_and_loads_no_model_library(tmp_path: Path) -> None:
    folder = make(tmp_path)
    heavy = "{'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'aiohttp'}"
    done = run(folder, "-c", f"import sys; from stages.score.__main__ import main; main(False); print({heavy} & sys.modules.keys())")
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
    assert rows(folder) == [Scores(id=c.id, sample=c.sample, judge=None, perplexity=None) for c in COMPLETIONS]
    assert np.load(folder / "data/scores/embeddings.npy").shape == (0, 0)
    assert report(folder) == {"completions": 5}
    assert not (folder / ".potstill").exists()


def test_a_judge_is_asked_once_for_each_completion_that_ended_by_itself(tmp_path: Path) -> None:
    folder = make(tmp_path, *ENDPOINT, judge="teacher")
    with judging() as (address, asked):
        first = run(folder, address=address)
        assert first.returncode == 0, first.stderr
        wrote = (folder / "data/scores/scores.jsonl").read_bytes()
        again = run(folder, address=address)
    assert again.returncode == 0, again.stderr
    assert len(asked) == 3
    assert "3 requests, 3 in the ledger, 0 to ask" in again.stderr
    assert (folder / "data/scores/scores.jsonl").read_bytes() == wrote
    assert [row.judge for row in rows(folder)] == [5.0, None, None, None, 2.0]
    assert {body["response_format"]["json_schema"]["name"] for body in asked} == {"reply"}
    assert report(folder) == {
        "completions": 5,
        "asked": 3,
        "judged": 2,
        "unreadable": 1,
        "unanswered": 0,
        "mean_grade": 3.5,
        "grades": {"1": 0, "2": 1, "3": 0, "4": 0, "5": 1},
    }


def test_a_dry_run_tells_the_requests_and_asks_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path, *ENDPOINT, judge="teacher", perplexity="base-8b")
    with judging() as (address, asked):
        done = run(folder, "-m", "stages.score", "--dry-run", address=address)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("org/teacher: 3 requests, 0 in the ledger, 3 to ask: about ")
    assert "at most 1,536 completion tokens" in done.stderr
    assert (asked, (folder / "data/scores").exists()) == ([], False)


def test_local_models_give_perplexities_and_embeddings(tmp_path: Path) -> None:
    folder = make(tmp_path, perplexity="base-70b", **ENCODER)
    done = run(folder)
    assert done.returncode == 0, done.stderr
    values = [row.perplexity for row in rows(folder)]
    assert [value is None for value in values] == [False, False, True, False, False]
    assert all(value == round(value, 4) > 1 for value in values if value)
    assert np.load(folder / "data/scores/embeddings.npy").shape == (5, 64)
    found = report(folder)
    there = [value for value in values if value]
    assert (found["measured"], found["too_long"]) == (4, 0)
    assert found["mean_perplexity"] == pytest.approx(sum(there) / 4, abs=1e-4)
    assert found["median_perplexity"] == pytest.approx(sum(sorted(there)[1:3]) / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("overrides", "score", "message"),
    [
        ([], {"judge": "gpt"}, "params.yaml: score.judge: Input should be 'none', 'teacher', 'base-8b' or 'base-70b', got 'gpt'"),
        ([], {"batch_size": "0"}, "params.yaml: score.batch_size: Input should be greater than 0, got 0"),
        (["+score.jugde=none"], {}, "params.yaml: score.jugde: Extra inputs are not permitted, got 'none'"),
        (["~score.perplexity"], {}, "params.yaml: score.perplexity: Field required, got "),
        (["profiles.laptop.teacher.engine=vlm"], {"judge": "teacher"}, "params.yaml: profiles.laptop.teacher.engine: Input should be 'transformers'"),
        (ENDPOINT, {"perplexity": "teacher"}, "params.yaml: score.perplexity: got teacher, whose engine is openai, wanted a model that can be loaded here"),
        ([], {"embedding": "org/encoder"}, "params.yaml: score.embedding_revision: got '', wanted the hub commit of org/encoder"),
        ([], {"embedding": "encoder", "embedding_revision": "x"}, "model encoder: got no such folder, wanted one"),
        (["profiles.laptop.base-8b.revision=x"], {"perplexity": "base-8b"}, "model data/laptop/models/base-8b: got files with the digest "),
    ],
)
def test_a_wrong_value_gives_one_clear_error(tmp_path: Path, overrides: list[str], score: dict[str, str], message: str) -> None:
    folder = make(tmp_path, *overrides, **score)
    done = run(folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message), done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "data/scores").exists()
