"""Each column as dvc runs it: its file, its metrics, and what it says of bad parameters."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.models.local import digest
from stages.rows.parquet import count_rows, read_rows, scores_in
from stages.rows.row import KEY
from stages.score.params import COLUMNS
from tests.architecture.closure import ROOT
from tests.score.judge_server import judging
from tests.score.scored import MODELS, ROWS, write_filtered
from tests.settings import copy_settings

ENDPOINT = ["profiles.laptop.teacher.engine=openai", "profiles.laptop.teacher.model=org/teacher"]
JUDGE = [*ENDPOINT, "score.judge.by=teacher"]
ENCODER = [
    "score.embedding.model=data/laptop/models/base-8b",
    f"score.embedding.revision='{digest(MODELS / 'base-8b')}'",
]
NUMBERS = {
    "judge": ["s_judge"],
    "likelihood teacher": ["s_nll_teacher", "s_nll_sum_teacher", "s_entropy_teacher"],
    "embedding": ["s_vector"],
}


def make(folder: Path, *overrides: str) -> Path:
    """A working folder with three rows that pass the filter and one that does not."""
    write_filtered(folder / "data/filtered/rows.parquet")
    (folder / "data/laptop").symlink_to(ROOT / "data/laptop")
    copy_settings(folder, "profile=laptop", *overrides)
    return folder


def run(folder: Path, column: str, *arguments: str, address: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder), "OPENAI_BASE_URL": address, "OPENAI_API_KEY": "x"}
    return subprocess.run(
        [sys.executable, "-m", *f"stages.score.columns.{column}".split(), *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def numbers(folder: Path, column: str) -> list[tuple[Any, ...]]:
    """Of each row its numbers; the rows must be those that pass, in their order."""
    path = folder / f"data/scores/{column}.parquet"
    found = read_rows(path, (*KEY, *scores_in(path)))
    assert found.select(KEY).rows() == [(row.id, row.style, row.sample) for row in ROWS]
    return found.drop(KEY).rows()


def report(folder: Path, column: str) -> dict[str, Any]:
    return json.loads((folder / f"metrics/score/{column}.json").read_text())[f"score-{column}"]


def test_every_column_is_here() -> None:
    assert {path.stem for path in COLUMNS.glob("[!_]*.py")} == {name.split()[0] for name in NUMBERS}


@pytest.mark.parametrize("column", NUMBERS)
def test_a_column_that_is_off_names_its_numbers_has_no_rows_and_asks_nobody(column: str, tmp_path: Path) -> None:
    folder = make(tmp_path)
    heavy = "{'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'aiohttp'}"
    module, *arguments = column.split()
    code = "import runpy, sys; sys.argv[1:] = {}; runpy.run_module('stages.score.columns.{}', run_name='__main__'); print({} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code.format(arguments, module, heavy)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
    path = folder / f"data/scores/{column.replace(' ', '-')}.parquet"
    assert (count_rows(path), scores_in(path)) == (0, NUMBERS[column])
    assert report(folder, path.stem) == {"rows": 0}
    assert not (folder / ".potstill").exists()
    if column == "embedding":
        assert np.load(folder / "data/scores/embeddings.npy").shape == (0, 0)


def test_a_judge_is_asked_once_for_each_row_that_passes(tmp_path: Path) -> None:
    folder = make(tmp_path, *JUDGE)
    with judging() as (address, asked):
        first = run(folder, "judge", address=address)
        assert first.returncode == 0, first.stderr
        wrote = (folder / "data/scores/judge.parquet").read_bytes()
        again = run(folder, "judge", address=address)
    assert again.returncode == 0, again.stderr
    assert len(asked) == 3
    assert "3 requests, 3 in the ledger, 0 to ask" in again.stderr
    assert (folder / "data/scores/judge.parquet").read_bytes() == wrote
    assert numbers(folder, "judge") == [(5.0,), (None,), (2.0,)]
    assert {body["response_format"]["json_schema"]["name"] for body in asked} == {"reply"}
    counts = {"rows": 3, "judged": 2, "unreadable": 1, "unanswered": 0}
    grades = {"judge": {"measured": 2, "mean": 3.5, "p5": 2.0, "p50": 5.0, "p95": 5.0}}
    assert report(folder, "judge") == counts | grades


def test_a_judge_may_be_a_role_of_its_own(tmp_path: Path) -> None:
    role = (
        "{engine: openai, model: org/judge, revision: '1', precision: auto, prompt_price: 1.0, completion_price: 2.0}"
    )
    folder = make(tmp_path, f"+profiles.laptop.roles.judge={role}", "score.judge.by=judge")
    with judging() as (address, asked):
        done = run(folder, "judge", "--dry-run", address=address)
    assert done.stderr.startswith("org/judge: 3 requests, 0 in the ledger, 3 to ask: about "), done.stderr
    assert asked == []


def test_a_dry_run_tells_the_requests_and_asks_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path, *JUDGE)
    with judging() as (address, asked):
        done = run(folder, "judge", "--dry-run", address=address)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("org/teacher: 3 requests, 0 in the ledger, 3 to ask: about ")
    assert "at most 1,536 completion tokens" in done.stderr
    assert (asked, (folder / "data/scores").exists()) == ([], False)


def test_a_local_model_gives_likelihoods(tmp_path: Path) -> None:
    folder = make(tmp_path, "score.likelihood.reference=base-70b")
    done = run(folder, "likelihood", "reference")
    assert done.returncode == 0, done.stderr
    found = numbers(folder, "likelihood-reference")
    assert all(value == round(value, 4) > 0 for values in found for value in values)
    assert all(whole > per_token for per_token, whole, _ in found)
    told = report(folder, "likelihood-reference")
    assert (told["rows"], told["too_long"], told["nll_reference"]["measured"]) == (3, 0, 3)
    assert told["nll_reference"]["mean"] == pytest.approx(sum(values[0] for values in found) / 3, abs=1e-4)


def test_an_encoder_gives_vectors_and_says_which_is_whose(tmp_path: Path) -> None:
    folder = make(tmp_path, *ENCODER)
    done = run(folder, "embedding")
    assert done.returncode == 0, done.stderr
    assert np.load(folder / "data/scores/embeddings.npy").shape == (3, 64)
    assert numbers(folder, "embedding") == [(0.0,), (1.0,), (2.0,)]


BAD = {
    ("judge", "score.judge.by=gpt"): "params.yaml: score.judge.by: got 'gpt', wanted none or a role of the profile "
    "laptop: teacher, base-8b, base-70b",
    ("judge", "score.judge.max_tokens=0"): "params.yaml: score.judge.max_tokens: Input should be greater than 0, got 0",
    ("judge", "+score.jugde=none"): "params.yaml: score.jugde: got a column that nobody knows, wanted embedding, judge",
    ("judge", "+score.judge.model=x"): "params.yaml: score.judge.model: Extra inputs are not permitted, got 'x'",
    ("judge", "~score.judge.by"): "params.yaml: score.judge.by: Field required, got ",
    ("judge", "~score.judge"): "params.yaml: score.judge: Input should be a valid dictionary or instance of Settings",
    (
        "judge",
        "score.judge.by=teacher;profiles.laptop.teacher.engine=vlm",
    ): "params.yaml: profiles.laptop.teacher.engine: Input should be 'transformers'",
    (
        "likelihood teacher",
        ";".join([*ENDPOINT, "score.likelihood.teacher=teacher"]),
    ): "params.yaml: score.likelihood.teacher: got teacher, whose engine is openai, wanted a model that can be loaded here",
    (
        "embedding",
        "score.embedding.model=org/encoder",
    ): "params.yaml: score.embedding.revision: got '', wanted the hub commit of org/encoder",
    (
        "embedding",
        "score.embedding.model=encoder;score.embedding.revision=x",
    ): "model encoder: got no such folder, wanted one",
    (
        "likelihood student",
        "score.likelihood.student=base-8b;profiles.laptop.student-8b.base.revision=x",
    ): "model data/laptop/models/base-8b: got files with the digest ",
}


@pytest.mark.parametrize(("column", "overrides"), BAD)
def test_a_wrong_value_gives_one_clear_error(column: str, overrides: str, tmp_path: Path) -> None:
    folder = make(tmp_path, *overrides.split(";"))
    done = run(folder, column)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(BAD[column, overrides]), done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "data/scores").exists()
