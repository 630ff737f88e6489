"""Trainings towards every objective, on a few rows: each learns, resumes with the same bytes, and its limits are exact."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dvc.utils.hydra import apply_overrides
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.rows.topk import TopK, write
from stages.train.examples import IGNORED, tokenize
from tests.architecture.closure import ROOT
from tests.train.place import examples, make, run, train_here
from tests.train.test_processes import assert_same, kill_at_step

TEACHER = ROOT / "data/laptop/models/teacher"
ROWS = [{"id": f"q{number}", "sample": 0, **row} for number, row in enumerate(examples(36))]
TRAIN, VALIDATION = ROWS[:32], ROWS[32:]
EPOCHS = "profiles.laptop.student-8b.train.num_epochs=2"

TWO: Any = {"num_processes": 2, "rows_per_device": 4}


def taught(rows: list[dict[str, Any]], split: str) -> list[TopK]:
    """By the laptop's teacher: the 8 most probable tokens at each that is learnt."""
    model: Any = AutoModelForCausalLM.from_pretrained(TEACHER, dtype=torch.float32)
    found = []
    for row, example in zip(rows, tokenize(rows, AutoTokenizer.from_pretrained(TEACHER)), strict=True):
        learnt = torch.tensor(example.labels[1:]) != IGNORED
        with torch.no_grad():
            logits_TV = model(input_ids=torch.tensor([example.input_ids])).logits[0, :-1][learnt]
        top = torch.log_softmax(logits_TV, -1).topk(8, -1)
        ids, logprobs = top.indices.numpy().astype(np.int32), top.values.numpy()
        found.append(TopK(split, row["id"], "cot", row["sample"], ids, logprobs))
    return found


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("known") / "topk.parquet"
    write(path, [*taught(TRAIN, "train"), *taught(VALIDATION, "validation")])
    return path


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def place(
    folder: Path,
    objective: str,
    *overrides: str,
    rows: list[dict[str, Any]] = TRAIN,
    negatives: list[dict[str, Any]] = [],  # noqa: B006 - it is never changed
    known: Path | None = None,
    **parallelism: Any,
) -> Path:
    make(folder, rows, VALIDATION, f"train.objective={objective}", EPOCHS, *overrides, **parallelism)
    shutil.copytree(TEACHER, folder / "data/laptop/models/teacher")
    (folder / "data/selected/negatives.jsonl").write_text(lines(negatives))
    if known:
        (folder / "data/logits").mkdir(parents=True)
        (folder / "data/logits/topk.parquet").write_bytes(known.read_bytes())
    return folder


def trained(folder: Path) -> bytes:
    code, printed = train_here(folder)
    assert code == 0, printed
    return (folder / "models/8b/model.safetensors").read_bytes()


def wrong(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"completion": [{"role": "assistant", "content": "no idea. #### 0"}]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return trained(place(tmp_path_factory.mktemp("plain"), "plain"))


def test_redi_without_negatives_is_plain_fine_tuning_byte_for_byte(plain: bytes, tmp_path: Path) -> None:
    assert trained(place(tmp_path, "redi")) == plain


def test_negatives_change_what_is_learnt_and_lower_their_probability(plain: bytes, tmp_path: Path) -> None:
    folder = place(tmp_path, "redi", "train.normalisation=sequence", negatives=[wrong(row) for row in TRAIN])
    assert trained(folder) != plain
    (example,) = tokenize([wrong(TRAIN[0])], AutoTokenizer.from_pretrained(folder / "models/8b"))
    losses = []
    for source in (ROOT / "data/laptop/models/base-8b", folder / "models/8b"):
        model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
        ids, labels = (torch.tensor([values]) for values in example)
        losses.append(model(input_ids=ids, labels=labels).loss.item())
    assert losses[1] > losses[0] + 0.5


def test_rows_of_weight_0_change_nothing(plain: bytes, tmp_path: Path) -> None:
    rows = [row | {"weight": 1.0} for row in TRAIN] + [wrong(TRAIN[0]) | {"weight": 0.0}]
    assert trained(place(tmp_path, "plain", rows=rows)) == plain


def test_a_weight_of_2_is_not_a_weight_of_1(plain: bytes, tmp_path: Path) -> None:
    rows = [row | {"weight": 1.0 + number % 2} for number, row in enumerate(TRAIN)]
    assert trained(place(tmp_path, "plain", rows=rows)) != plain


def test_an_objective_without_the_teachers_probabilities_is_refused_before_weights_load(tmp_path: Path) -> None:
    folder = place(tmp_path, "forward_kl")
    (folder / "data/logits").mkdir(parents=True)
    write(folder / "data/logits/topk.parquet", ())
    code, printed = train_here(folder)
    assert code != 0
    assert "train.objective needs the teacher's probabilities, got none" in printed
    assert "set logits.top_k in params.yaml" in printed


def test_probabilities_of_other_rows_are_refused(known: Path, tmp_path: Path) -> None:
    folder = place(tmp_path, "forward_kl", rows=TRAIN[::-1], known=known)
    code, printed = train_here(folder)
    assert code != 0
    assert "got no probabilities of the" in printed
    assert "run `dvc repro logits`" in printed


def test_an_unknown_objective_is_refused_with_the_names_of_all(tmp_path: Path) -> None:
    folder = place(tmp_path, "plain")
    apply_overrides(str(folder / "params.yaml"), ["train.objective=kl"])
    code, printed = train_here(folder)
    assert code != 0
    assert "train.objective: got 'kl', wanted one of plain, redi, forward_kl" in printed


def test_a_memory_is_kept_by_one_process_only(tmp_path: Path) -> None:
    code, printed = train_here(place(tmp_path, "own_earlier", **TWO))
    assert code != 0
    assert "own_earlier remembers what one process saw" in printed


# one of each kind: negatives, probabilities, a state, one that begins with validation, a memory, pairs, own replies
KINDS = ("redi", "jensen_shannon", "taid", "first", "own_earlier", "dpo", "on_policy")
NUM_NEGATIVES = dict.fromkeys(KINDS, 0) | {"redi": 8, "dpo": 30}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(name: str, known: Path, tmp_path: Path) -> None:
    negatives = [wrong(row) for row in TRAIN[: NUM_NEGATIVES[name]]]
    whole = trained(place(tmp_path / "whole", name, negatives=negatives, known=known))
    folder = place(tmp_path / "killed", name, negatives=negatives, known=known)
    kill_at_step(folder, 3)
    code, printed = run(folder)
    assert code == 0, printed
    assert "going on from checkpoint-" in printed
    assert (folder / "models/8b/model.safetensors").read_bytes() == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ["redi", "taid", "first"])
def test_two_processes_learn_what_one_learns(name: str, known: Path, tmp_path: Path) -> None:
    negatives = [wrong(row) for row in TRAIN[:8]] if name == "redi" else []
    alone = place(tmp_path / "alone", name, "train.normalisation=sequence", negatives=negatives, known=known)
    trained(alone)
    both = place(tmp_path / "both", name, "train.normalisation=sequence", negatives=negatives, known=known, **TWO)
    code, printed = run(both)
    assert code == 0, printed
    assert_same(both, alone, "full")
    assert load_file(both / "models/8b/model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("override", ["packing=true", "method=lora"])
def test_packed_rows_and_adapters_learn_from_the_teachers_probabilities(
    override: str, known: Path, tmp_path: Path
) -> None:
    student = "profiles.laptop.student-8b.train"
    folder = place(
        tmp_path, "jensen_shannon", f"{student}.{override}", f"{student}.batch_size=2", known=known, rows_per_device=2
    )
    code, printed = train_here(folder)
    assert code == 0, printed
    history = json.loads((folder / "metrics/train-8b.json").read_text())["train-8b"]
    assert history["validation_loss"] < 6
