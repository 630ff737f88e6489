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
from stages.rows.parquet import read_rows
from stages.rows.row import own_schema
from tests.architecture.closure import ROOT
from tests.score.judge_server import judging
from tests.score.scored import MODELS, ROWS, write_filtered
from tests.settings import copy_settings

OFF = {
    "judge": "none",
    "judge_max_tokens": "512",
    "perplexity": "none",
    "embedding": "none",
    "embedding_revision": "''",
    "batch_size": "2",
}
ENDPOINT = ["profiles.laptop.teacher.engine=openai", "profiles.laptop.teacher.model=org/teacher"]
ENCODER = {"embedding": "data/laptop/models/base-8b", "embedding_revision": digest(MODELS / "base-8b")}


def make(folder: Path, *more: str, **score: str) -> Path:
    """A working folder with three rows that pass the filter and one that does not."""
    write_filtered(folder / "data/filtered/rows.parquet")
    (folder / "data/laptop").symlink_to(ROOT / "data/laptop")
    copy_settings(folder)
    apply_overrides(
        str(folder / "params.yaml"),
        ["profile=laptop", *(f"++score.{name}={value}" for name, value in (OFF | score).items()), *more],
    )
    return folder


def run(folder: Path, *arguments: str, address: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "DVC_ROOT": str(folder),
        "OPENAI_BASE_URL": address,
        "OPENAI_API_KEY": "x",
    }
    return subprocess.run(
        [sys.executable, *(arguments or ("-m", "stages.score"))],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def rows(folder: Path) -> list[dict[str, Any]]:
    return read_rows(folder / "data/scores/scores.parquet", tuple(own_schema("score"))).to_dicts()


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics/score.json").read_text())["score"]


def test_with_everything_off_it_writes_nulls_and_loads_no_model_library(tmp_path: Path) -> None:
    folder = make(tmp_path)
    heavy = "{'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'aiohttp'}"
    done = run(
        folder,
        "-c",
        f"import sys; from stages.score.__main__ import main; main(False); print({heavy} & sys.modules.keys())",
    )
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
    none = {"s_judge": None, "s_perplexity": None}
    assert rows(folder) == [{"id": row.id, "style": row.style, "sample": row.sample} | none for row in ROWS]
    assert np.load(folder / "data/scores/embeddings.npy").shape == (0, 0)
    assert report(folder) == {"rows": 3}
    assert not (folder / ".potstill").exists()


def test_a_judge_is_asked_once_for_each_row_that_passes(tmp_path: Path) -> None:
    folder = make(tmp_path, *ENDPOINT, judge="teacher")
    with judging() as (address, asked):
        first = run(folder, address=address)
        assert first.returncode == 0, first.stderr
        wrote = (folder / "data/scores/scores.parquet").read_bytes()
        again = run(folder, address=address)
    assert again.returncode == 0, again.stderr
    assert len(asked) == 3
    assert "3 requests, 3 in the ledger, 0 to ask" in again.stderr
    assert (folder / "data/scores/scores.parquet").read_bytes() == wrote
    assert [row["s_judge"] for row in rows(folder)] == [5.0, None, 2.0]
    assert {body["response_format"]["json_schema"]["name"] for body in asked} == {"reply"}
    assert report(folder) == {
        "rows": 3,
        "asked": 3,
        "judged": 2,
        "unreadable": 1,
        "unanswered": 0,
        "mean_grade": 3.5,
        "grades": {"1": 0, "2": 1, "3": 0, "4": 0, "5": 1},
    }


def test_a_judge_may_be_a_role_of_its_own(tmp_path: Path) -> None:
    role = (
        "{engine: openai, model: org/judge, revision: '1', precision: auto, prompt_price: 1.0, completion_price: 2.0}"
    )
    folder = make(tmp_path, f"+profiles.laptop.roles.judge={role}", judge="judge")
    with judging() as (address, asked):
        done = run(folder, "-m", "stages.score", "--dry-run", address=address)
    assert done.stderr.startswith("org/judge: 3 requests, 0 in the ledger, 3 to ask: about "), done.stderr
    assert asked == []


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
    values = [row["s_perplexity"] for row in rows(folder)]
    assert [value is None for value in values] == [False, False, False]
    assert all(value == round(value, 4) > 1 for value in values if value)
    assert np.load(folder / "data/scores/embeddings.npy").shape == (3, 64)
    found = report(folder)
    there = [value for value in values if value]
    assert (found["measured"], found["too_long"]) == (3, 0)
    assert found["mean_perplexity"] == pytest.approx(sum(there) / 3, abs=1e-4)
    assert found["median_perplexity"] == pytest.approx(sorted(there)[1], abs=1e-4)


@pytest.mark.parametrize(
    ("overrides", "score", "message"),
    [
        (
            [],
            {"judge": "gpt"},
            "params.yaml: score.judge: got 'gpt', wanted none or a role of the profile laptop: teacher, base-8b, "
            "base-70b",
        ),
        ([], {"batch_size": "0"}, "params.yaml: score.batch_size: Input should be greater than 0, got 0"),
        (["+score.jugde=none"], {}, "params.yaml: score.jugde: Extra inputs are not permitted, got 'none'"),
        (["~score.perplexity"], {}, "params.yaml: score.perplexity: Field required, got "),
        (
            ["profiles.laptop.teacher.engine=vlm"],
            {"judge": "teacher"},
            "params.yaml: profiles.laptop.teacher.engine: Input should be 'transformers'",
        ),
        (
            ENDPOINT,
            {"perplexity": "teacher"},
            "params.yaml: score.perplexity: got teacher, whose engine is openai, wanted a model that can be loaded "
            "here",
        ),
        (
            [],
            {"embedding": "org/encoder"},
            "params.yaml: score.embedding_revision: got '', wanted the hub commit of org/encoder",
        ),
        ([], {"embedding": "encoder", "embedding_revision": "x"}, "model encoder: got no such folder, wanted one"),
        (
            ["profiles.laptop.student-8b.base.revision=x"],
            {"perplexity": "base-8b"},
            "model data/laptop/models/base-8b: got files with the digest ",
        ),
    ],
)
def test_a_wrong_value_gives_one_clear_error(
    tmp_path: Path, overrides: list[str], score: dict[str, str], message: str
) -> None:
    folder = make(tmp_path, *overrides, **score)
    done = run(folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message), done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "data/scores").exists()
