"""A training: what it saves, what it says, and what stops it."""

import json
import re
import weakref
from pathlib import Path
from typing import Any

import pytest

from stages.sampling.request import Model, Request
from stages.sampling.transformers import TransformersEngine
from stages.train import base, checkpoint, health, saved
from tests.train.place import examples, make, train_here

ROWS = examples(48)


def report(folder: Path) -> dict[str, float]:
    return json.loads((folder / "metrics/train-8b.json").read_text())["train-8b"]


def last_line(printed: str) -> str:
    return printed.replace("\r", "\n").strip().splitlines()[-1]


def test_a_row_over_the_context_stops_the_run_in_one_sentence(tmp_path: Path) -> None:
    long = {**ROWS[0], "completion": [{"role": "assistant", "content": "12 + 7 = 19. " * 60}]}
    code, printed = train_here(make(tmp_path, [*ROWS, long], []))
    assert code == 1
    assert last_line(printed).startswith(
        "train-8b: 1 of 49 examples in data/selected/train.jsonl have more than 256 tokens"
    )
    assert "Traceback" not in printed


def test_a_lora_student_is_saved_as_an_adapter_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(
        tmp_path,
        ROWS[:40],
        ROWS[40:],
        "profiles.laptop.student-8b.train.method=lora",
        "profiles.laptop.student-8b.train.num_epochs=1",
    )
    code, printed = train_here(folder)
    assert code == 0, printed
    assert "⟦0 + 7 = 7. #### 7<|eot_id|>⟧" in printed, "the loss mask is shown"
    assert re.search(r"train-8b: \d+ tokens in [\d.]+ s of steps: \d+ tokens/s", printed)
    assert (tmp_path / "models/8b/adapter_model.safetensors").exists()
    found = report(folder)
    assert (found["examples"], found["truncated"], found["emptied"], found["steps"], found["kept_step"]) == (
        40,
        0,
        0,
        3,
        3,
    )
    monkeypatch.chdir(tmp_path)  # the adapter names its base by the path in params.yaml
    request = Request(
        "p",
        "plain",
        tuple((message["role"], message["content"]) for message in ROWS[0]["prompt"]),
        0,
        0,
        16,
        0.0,
        1.0,
        0,
    )
    ((_, reply),) = next(TransformersEngine(Model("transformers", "models/8b", "", "float32", 0.0, 0.0)).ask([request]))
    assert reply.completion_tokens > 0


@pytest.mark.slow
def test_a_loss_that_jumps_stops_the_run_with_its_examples_and_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(
        tmp_path,
        ROWS,
        [],
        "profiles.laptop.student-8b.train.learning_rate=30",
        "train.warmup_share=0.0",
        "profiles.laptop.student-8b.train.num_epochs=3",
    )
    monkeypatch.setattr(checkpoint, "CHECKPOINT_SECONDS", 0.0)
    code, printed = train_here(folder)
    assert code == 1
    stopped = re.search(
        r"train-8b: step (\d+): the loss (?:jumped to [\d.]+, from a median of [\d.]+ over \d+ steps|is .+ and the gradient.s norm .+?)\. "
        r"Its examples are lines "
        r"([\d, ]+) of data/selected/train.jsonl; the last good checkpoint is (\S+)\. Look at the examples, lower learning_rate",
        last_line(printed),
    )
    assert stopped, printed
    step, lines, last_good = int(stopped[1]), stopped[2].split(", "), stopped[3]
    assert len(set(lines)) == 16
    assert last_good.endswith(f"/checkpoint-{step - 1}"), "the step before, saved because every step was"
    assert "Traceback" not in printed
    assert not (folder / "models/8b").exists()


@pytest.mark.slow
def test_training_ends_early_where_validation_does_not_improve(tmp_path: Path) -> None:
    overrides = (
        "profiles.laptop.student-8b.train.learning_rate=0.05",
        "profiles.laptop.student-8b.train.num_epochs=9",
        "train.patience=2",
        "train.max_loss_jump=100.0",
    )
    folder = make(tmp_path, ROWS[:40], ROWS[40:], *overrides)
    code, printed = train_here(folder)
    assert code == 0, printed
    found = report(folder)
    curve = [line.split(",") for line in (folder / "metrics/validation-8b.csv").read_text().splitlines()[1:]]
    best = min(curve, key=lambda point: float(point[1]))
    assert found["steps"] < 27
    assert found["kept_step"] == int(best[0]) == found["steps"] - 2 * 3, (
        "two evaluations, of three steps each, went by without a better one"
    )
    assert found["validation_loss"] == pytest.approx(float(best[1]), abs=1e-4), "the best weights are the ones kept"


def test_packed_examples_are_learnt_in_fewer_rows(tmp_path: Path) -> None:
    overrides = (
        "profiles.laptop.student-8b.train.packing=true",
        "profiles.laptop.student-8b.train.batch_size=4",
        "profiles.laptop.student-8b.train.num_epochs=1",
    )
    code, printed = train_here(make(tmp_path, ROWS, [], *overrides, rows_per_device=4))
    assert code == 0, printed
    assert report(tmp_path)["examples"] == 48
    assert report(tmp_path)["steps"] < 48 / 4


def test_a_student_that_fails_its_check_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that was trained is out of memory by then, and the next run goes on from what is kept."""
    folder = make(tmp_path, ROWS, [], "profiles.laptop.student-8b.train.num_epochs=1")
    trained: list[weakref.ref[Any]] = []
    load_base, load_saved = base.load, saved.load

    def kept(*given: Any) -> Any:
        model = load_base(*given)
        trained.append(weakref.ref(model))
        return model

    def watched(*given: Any) -> Any:
        assert [model() for model in trained] == [None], "two models at once"
        return load_saved(*given)

    monkeypatch.setattr(base, "load", kept)
    monkeypatch.setattr(saved, "load", watched)
    monkeypatch.setitem(health.MAX_DIVERGENCE, "float32", -1.0)
    code, printed = train_here(folder)
    assert code == 1
    (output,) = folder.glob(".potstill/checkpoints/8b-*")
    said = printed.replace("\r", "\n").strip().splitlines()[-2:]
    assert said[0].startswith(
        f"train-8b: the student saved in {output}/student answers otherwise than the trained one:"
    )
    assert said[1] == (
        f"The trained student is kept in {output}/student; the next run checks it again. To train anew, remove {output}"
    )
    weights = (output / "student/model.safetensors").read_bytes()
    assert not (folder / "models/8b").exists()

    monkeypatch.setitem(health.MAX_DIVERGENCE, "float32", 1e-5)
    code, printed = train_here(folder)
    assert code == 0, printed
    assert f"train-8b: going on from the trained student in {output}, to check it" in printed
    assert len(trained) == 1, "nothing is trained a second time"
    assert (folder / "models/8b/model.safetensors").read_bytes() == weights
    assert not output.exists()
