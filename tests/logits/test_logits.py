"""The whole stage, with the laptop models."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from transformers import AutoTokenizer

from stages.models.local import digest
from stages.rows.topk import TopK, read
from tests.architecture.closure import ROOT
from tests.here import run_here
from tests.logits.teaching import LEARNT, MODELS, by_hand, make, other

OUT = "data/logits/topk.parquet"


def rows(folder: Path) -> list[TopK]:
    return list(read(folder / OUT))


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics/logits.json").read_text())["logits"]


def test_off_writes_an_empty_file_and_loads_no_model_library(tmp_path: Path) -> None:
    folder = make(tmp_path / "off")
    heavy = "{'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'aiohttp'}"
    code = f"import sys; from stages.logits.__main__ import main; main(False); print({heavy} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
    assert rows(folder) == []
    assert pl.read_parquet(folder / OUT).schema == {
        "split": pl.String,
        "id": pl.String,
        "style": pl.String,
        "sample": pl.Int64,
        "k": pl.Int64,
        "tokens": pl.Int64,
        "token_ids": pl.List(pl.Int32),
        "logprobs": pl.List(pl.Float32),
    }
    size = (folder / OUT).stat().st_size
    assert report(folder) == {"rows": 0, "tokens": 0, "k": 0, "bytes": size} | dict.fromkeys(
        ("mass", "top_probability", "accuracy", "calibration_error")
    )


def test_it_is_the_teachers_own_softmax_after_its_prompt_in_the_style_it_was_asked(tmp_path: Path) -> None:
    folder = make(tmp_path / "on", top_k=8, batch_size=1)
    code, said = run_here(folder, "logits")
    assert code == 0, said
    found = rows(folder)
    assert [(row.split, row.id, row.style, row.sample) for row in found] == [
        (split, id, "cot", sample) for split, id, sample, *_ in LEARNT
    ]
    sure, right, mass = [], [], []
    for row, (*_, question, target) in zip(found, LEARNT, strict=True):
        likely, learnt = by_hand("teacher", question, target)
        expected = likely.topk(8)
        assert (row.token_ids == expected.indices.numpy()).all()
        assert (row.logprobs == expected.values.numpy()).all()
        sure += expected.values[:, 0].exp().tolist()
        right += [int(best) == token for best, token in zip(expected.indices[:, 0], learnt, strict=True)]
        mass += expected.values.exp().sum(1).tolist()
    numbers = report(folder)
    assert numbers["tokens"] == len(sure) == sum(len(row.token_ids) for row in found)
    assert (numbers["rows"], numbers["k"], numbers["bytes"]) == (4, 8, (folder / OUT).stat().st_size)
    assert numbers["top_probability"] == pytest.approx(np.mean(sure), abs=5e-5)
    assert numbers["accuracy"] == pytest.approx(np.mean(right), abs=5e-5)
    assert numbers["mass"] == pytest.approx(np.mean(mass), abs=5e-5)
    first = (folder / OUT).read_bytes()
    code, said = run_here(folder, "logits")
    assert code == 0
    assert "teacher: 4 rows are kept, 0 to ask: reads 0 tokens, cost about 0.00\n" in said
    assert "Loading weights" not in said
    assert ((folder / OUT).read_bytes(), report(folder)) == (first, numbers)


def test_batches_change_nothing_and_a_larger_k_is_the_whole_vocabulary(tmp_path: Path) -> None:
    folder = make(tmp_path / "all", top_k=5000, batch_size=3)
    code, said = run_here(folder, "logits")
    assert code == 0, said
    for row, (*_, question, target) in zip(rows(folder), LEARNT, strict=True):
        likely, _ = by_hand("teacher", question, target)
        assert row.token_ids.shape == likely.shape
        assert np.sort(row.token_ids).tolist() == [list(range(793))] * len(likely)
        assert row.logprobs == pytest.approx(np.take_along_axis(likely.numpy(), row.token_ids, 1), abs=1e-4)
        assert np.exp(row.logprobs).sum(1) == pytest.approx(np.ones(len(likely)), abs=1e-5)


def test_two_teachers_give_the_mean_of_their_probabilities(tmp_path: Path) -> None:
    folder = make(tmp_path / "two", other(), top_k=793, teachers="teacher other")
    code, said = run_here(folder, "logits")
    assert code == 0, said
    assert "; other: 0 rows are kept, 4 to ask: reads " in said
    assert "cost unknown" in said
    for row, (*_, question, target) in zip(rows(folder), LEARNT, strict=True):
        teacher, base = (by_hand(name, question, target)[0].exp().numpy() for name in ("teacher", "base-8b"))
        expected = (teacher + base) / 2
        assert np.exp(row.logprobs) == pytest.approx(np.take_along_axis(expected, row.token_ids, 1), abs=1e-5)
        assert (np.diff(row.logprobs) <= 0).all()
    assert [path.name for path in (folder / "data/logits").iterdir()] == ["topk.parquet"]


def test_a_dry_run_counts_and_loads_no_weights(tmp_path: Path) -> None:
    folder = make(tmp_path / "dry", top_k=8)
    code, said = run_here(folder, "logits", "--dry-run")
    tokens = sum(len(by_hand("teacher", question, target)[1]) for *_, question, target in LEARNT)
    assert code == 0, said
    assert said.startswith(
        f"logits: 4 rows, {tokens} tokens to learn, the 8 most probable at each: {tokens * 64:,} bytes before compression"
        f" ({tokens * 64 / 4 / 1e3:.1f} GB for a million such rows); teacher: 0 rows are kept, 4 to ask: reads "
    ), said
    assert "cost about 0.00" in said
    assert "Loading weights" not in said
    assert not (folder / "data/logits").exists()
    assert not (folder / ".potstill").exists()


def student(folder: Path, change: Any) -> list[str]:
    """Overrides by which the 8b learns from a changed copy of its base."""
    copy = folder / "student"
    shutil.copytree(MODELS / "base-8b", copy)
    change(copy)
    return [
        f"profiles.laptop.student-8b.base.{key}={value}" for key, value in (("model", copy), ("revision", digest(copy)))
    ]


def swap_two_tokens(model: Path) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    one, two = sorted(vocabulary, key=vocabulary.__getitem__)[40:42]
    vocabulary[one], vocabulary[two] = vocabulary[two], vocabulary[one]
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))


def end_turns_otherwise(model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = tokenizer.chat_template.replace("<|eot_id|>", "<|eot_id|>\n")
    tokenizer.save_pretrained(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            swap_two_tokens,
            "logits: got a tokenizer of teacher (793 tokens) that is not that of student-8b (793): 2 tokens differ, the "
            "first ",
        ),
        (end_turns_otherwise, "logits: train row p1 sample 0: got "),
    ],
)
def test_a_student_of_other_tokens_is_refused_before_weights_load(change: Any, message: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "other", *student(tmp_path, change), top_k=8)
    code, said = run_here(folder, "logits")
    assert code == 1
    assert said.startswith(message), said
    assert "student-8b" in said
    assert "params.yaml" in said
    assert "Loading weights" not in said
    assert not (folder / "data/logits").exists()


@pytest.mark.parametrize(
    ("overrides", "settings", "message"),
    [
        ([], {"top_k": -1}, "params.yaml: logits.top_k: Input should be greater than or equal to 0, got -1"),
        (["+logits.topk=1"], {}, "params.yaml: logits.topk: Extra inputs are not permitted, got 1"),
        (["~logits.batch_size"], {}, "params.yaml: logits.batch_size: Field required"),
        (
            [],
            {"top_k": 1, "teachers": "judge"},
            "params.yaml: logits.teachers: got 'judge', wanted one or more, each once, of teacher, base-8b, "
            "base-70b: the profile laptop",
        ),
        (
            ["profiles.laptop.teacher.engine=ray-vllm"],
            {"top_k": 1},
            "params.yaml: logits.teachers: got teacher, whose engine is ray-vllm, wanted one that tells probabilities: "
            "transformers, vllm, openai; name another, or change profiles.laptop.teacher.engine",
        ),
        (
            ["profiles.laptop.teacher.precision=half"],
            {"top_k": 1},
            "params.yaml: profiles.laptop.teacher.precision: Input should be 'float32'",
        ),
        (
            ["profiles.laptop.teacher.revision=x"],
            {"top_k": 1},
            "model data/laptop/models/teacher: got files with the digest ",
        ),
    ],
)
def test_a_wrong_value_gives_one_clear_error(
    overrides: list[str], settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "wrong", *overrides, **settings)
    code, said = run_here(folder, "logits")
    assert (code, said.startswith(message)) == (1, True), said
    assert not (folder / "data/logits").exists()


def test_a_row_without_its_prompt_names_it(tmp_path: Path) -> None:
    folder = make(tmp_path / "lost", top_k=8)
    prompts = folder / "data/prompts/train.jsonl"
    whole = prompts.read_text()
    prompts.write_text("".join(line for line in whole.splitlines(True) if '"p3"' not in line))
    code, said = run_here(folder, "logits")
    assert (code, said.startswith("logits: data/prompts/train.jsonl: got no prompt p3, which")) == (1, True), said
    prompts.write_text(whole.replace('"cot"', '"cod"'))
    code, said = run_here(folder, "logits")
    assert code == 1
    assert "got the prompt p1 in the styles plain, cod, wanted cot too" in said


def test_a_row_that_is_too_long_leaves_no_file(tmp_path: Path) -> None:
    folder = make(tmp_path / "long", top_k=8)
    train = folder / "data/selected/train.jsonl"
    train.write_text(train.read_text().replace("2. #### 2", "2 " * 300))
    code, said = run_here(folder, "logits")
    assert code == 1
    assert "logits: train row p3 sample 0: got " in said
    assert "wanted at most 256, the context of data/laptop/models/teacher" in said
    assert not (folder / OUT).exists()
