"""Each column as dvc runs it: its file, its metrics, and what it says of bad parameters."""

import json
import os
import re
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
from tests.here import run_here
from tests.score.chat_server import grade, recover, serving
from tests.score.scored import MODELS, ROWS, save_reward_model, write_filtered
from tests.settings import copy_settings

ENDPOINT = ["profiles.laptop.teacher.engine=openai", "profiles.laptop.teacher.model=org/teacher"]
JUDGE = [*ENDPOINT, "score.judge.by=teacher"]
CYCLE = [*ENDPOINT, "score.cycle.by=teacher"]
ENCODER = [
    "score.embedding.model=data/laptop/models/base-8b",
    f"score.embedding.revision='{digest(MODELS / 'base-8b')}'",
]
NUMBERS = {
    "judge": ["s_judge"],
    "likelihood teacher": ["s_nll_teacher", "s_nll_sum_teacher", "s_entropy_teacher"],
    "embedding": ["s_vector"],
    "reward": ["s_reward"],
    "cycle": ["s_cycle"],
    "gradient": ["s_gradient"],
    "space": ["s_nearest", "s_knn", "s_topic"],
    "shape": ["s_steps", "s_repetition", "s_vote_entropy"],
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
    heavy = "{'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'aiohttp', 'sklearn', 'peft'}"
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
    with serving(grade) as (address, asked):
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
    spent = {"prompt_tokens": 120, "completion_tokens": 30, "cost": 0.000133}  # 150 tokens at 0.889 for a million
    assert report(folder, "judge") == counts | spent | grades


def test_a_judge_may_be_a_role_of_its_own(tmp_path: Path) -> None:
    role = (
        "{engine: openai, model: org/judge, revision: '1', precision: auto, prompt_price: 1.0, completion_price: 2.0}"
    )
    folder = make(tmp_path, f"+profiles.laptop.roles.judge={role}", "score.judge.by=judge")
    with serving(grade) as (address, asked):
        done = run(folder, "judge", "--dry-run", address=address)
    assert done.stderr.startswith("org/judge: 3 requests, 0 in the ledger, 3 to ask: about "), done.stderr
    assert asked == []


def test_a_dry_run_tells_the_requests_and_asks_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path, *JUDGE)
    with serving(grade) as (address, asked):
        done = run(folder, "judge", "--dry-run", address=address)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("org/teacher: 3 requests, 0 in the ledger, 3 to ask: about ")
    assert "at most 1,536 completion tokens" in done.stderr
    assert (asked, (folder / "data/scores").exists()) == ([], False)


def test_the_question_is_recovered_once_for_each_row_that_passes(tmp_path: Path) -> None:
    folder = make(tmp_path, *CYCLE)
    with serving(recover) as (address, asked):
        first = run(folder, "cycle", address=address)
        assert first.returncode == 0, first.stderr
        again = run(folder, "cycle", address=address)
    assert again.returncode == 0, again.stderr
    assert len(asked) == 3
    assert "3 requests, 3 in the ledger, 0 to ask" in again.stderr
    assert all("How many" not in message["content"] for body in asked for message in body["messages"])
    # CARDS has 15 words and what is recovered 13, of which 9 are common: how many cards cards has zoe 12 finds more
    assert numbers(folder, "cycle") == [(0.6429,), (0.6429,), (0.0,)]
    told = report(folder, "cycle")
    assert (told["recovered"], told["cut_off"], told["unanswered"]) == (3, 0, 0)


def test_a_dry_run_of_cycle_tells_the_requests_and_asks_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path, *CYCLE)
    with serving(recover) as (address, asked):
        done = run(folder, "cycle", "--dry-run", address=address)
    assert done.stderr.startswith("org/teacher: 3 requests, 0 in the ledger, 3 to ask: about "), done.stderr
    assert "at most 768 completion tokens" in done.stderr
    assert (asked, (folder / "data/scores").exists()) == ([], False)


def test_a_local_model_gives_likelihoods(tmp_path: Path) -> None:
    folder = make(tmp_path, "score.likelihood.reference=base-70b")
    code, said = run_here(folder, "score.columns.likelihood", "reference")
    assert code == 0, said
    found = numbers(folder, "likelihood-reference")
    assert all(value == round(value, 4) > 0 for values in found for value in values)
    assert all(whole > per_token for per_token, whole, _ in found)
    told = report(folder, "likelihood-reference")
    assert (told["rows"], told["too_long"], told["nll_reference"]["measured"]) == (3, 0, 3)
    assert told["nll_reference"]["mean"] == pytest.approx(sum(values[0] for values in found) / 3, abs=1e-4)


def test_an_encoder_gives_vectors_and_says_which_is_whose(tmp_path: Path) -> None:
    folder = make(tmp_path, *ENCODER)
    code, said = run_here(folder, "score.columns.embedding")
    assert code == 0, said
    assert np.load(folder / "data/scores/embeddings.npy").shape == (3, 64)
    assert numbers(folder, "embedding") == [(0.0,), (1.0,), (2.0,)]


def test_a_reward_model_gives_rewards(tmp_path: Path) -> None:
    reward = save_reward_model(tmp_path / "reward")
    folder = make(tmp_path, "score.reward.model=reward", f"score.reward.revision='{digest(reward)}'")
    code, said = run_here(folder, "score.columns.reward")
    assert code == 0, said
    assert all(value == round(value, 4) != 0 for (value,) in numbers(folder, "reward"))
    assert report(folder, "reward")["too_long"] == 0


ESTIMATE = (
    r"gradient: data/laptop/models/base-8b: 3 rows, 1 of them held out to compare with, about \d\d\d tokens: "
    r"3 forward and backward passes, a row each, of which 1,024 numbers are kept"
)


def test_a_gradient_is_compared_with_those_of_the_rows_held_out(tmp_path: Path) -> None:
    folder = make(tmp_path, "score.gradient.under=base-8b")
    code, said = run_here(folder, "score.columns.gradient")
    assert code == 0, said
    assert re.search(ESTIMATE, said), said
    # the third row is the only one held out; the others are alike, and of another question
    (first,), (second,), (held_out,) = numbers(folder, "gradient")
    assert held_out == 1.0
    assert -1 < first < 1
    assert -1 < second < 1
    assert report(folder, "gradient")["too_long"] == 0


def test_a_dry_run_of_gradient_tells_the_passes_and_loads_no_model(tmp_path: Path) -> None:
    folder = make(tmp_path, "score.gradient.under=base-8b")
    code, said = run_here(folder, "score.columns.gradient", "--dry-run")
    assert (code, (folder / "data/scores").exists()) == (0, False)
    assert re.search(ESTIMATE, said), said
    assert "Loading weights" not in said


def test_neighbours_are_found_by_the_embeddings(tmp_path: Path) -> None:
    folder = make(tmp_path, *ENCODER, "score.space.topics=2", "score.space.neighbour=2")
    assert run_here(folder, "score.columns.embedding")[0] == 0
    code, said = run_here(folder, "score.columns.space")
    assert code == 0, said
    vectors = np.load(folder / "data/scores/embeddings.npy")
    cosines = vectors @ vectors.T
    # rows 0 and 1 answer the same question
    wanted = [(cosines[0, 1], cosines[0, 2]), (cosines[0, 1], cosines[1, 2]), sorted(cosines[2, :2], reverse=True)]
    found = numbers(folder, "space")
    assert [values[:2] for values in found] == [pytest.approx((1 - a, 1 - b), abs=6e-5) for a, b in wanted]
    assert found[0][2] == found[1][2] != found[2][2]


def test_shape_is_counted_without_a_model(tmp_path: Path) -> None:
    folder = make(tmp_path, "score.shape.measure=true")
    code, said = run_here(folder, "score.columns.shape")
    assert code == 0, said
    assert numbers(folder, "shape") == [(0.0, 0.0, None)] * 3  # the rows have no reasoning of their own and no votes
    assert report(folder, "shape")["repetition"] == {"measured": 3, "mean": 0.0, "p5": 0.0, "p50": 0.0, "p95": 0.0}


BAD = {
    ("judge", "score.judge.by=gpt"): "params.yaml: score.judge.by: got 'gpt', wanted none or a role of the profile "
    "laptop: teacher, base-8b, base-70b",
    ("judge", "score.judge.max_tokens=0"): "params.yaml: score.judge.max_tokens: Input should be greater than 0, got 0",
    (
        "judge",
        "+score.jugde=none",
    ): "params.yaml: score.jugde: got a column that nobody knows, wanted cycle, embedding, ",
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
        "space",
        "score.space.topics=2",
    ): "params.yaml: score.space.topics: got 2 and no embeddings, wanted an encoder in ",
    ("shape", "score.shape.measure=2"): "params.yaml: score.shape.measure: Input should be a valid boolean, ",
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
    if column == "space":  # which reads what the embedding's column writes, off here
        assert run_here(folder, "score.columns.embedding")[0] == 0
    code, said = run_here(folder, f"score.columns.{column.split(maxsplit=1)[0]}", *column.split()[1:])
    assert code == 1
    assert said.startswith(BAD[column, overrides]), said
    assert "Traceback" not in said
    assert not (folder / f"data/scores/{column.replace(' ', '-')}.parquet").exists()
