"""Bad input: one clear error that says what, got, wanted and where to change it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from tests.architecture.closure import ROOT
from tests.settings import copy_settings, set_dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with three good train rows, one validation and one test row of the laptop data set."""
    copy_settings(tmp_path)
    shutil.copytree(ROOT / "data/retention", tmp_path / "data/retention")
    for split, count in (("train", 3), ("validation", 1), ("test", 1)):
        rows = (ROOT / f"data/laptop/problems/{split}.jsonl").open().readlines()[:count]
        write(tmp_path, split, rows)
    return tmp_path


def write(folder: Path, split: str, lines: list[str]) -> None:
    path = folder / f"data/sets/laptop-math/rows/{split}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))


def lines(folder: Path, split: str) -> list[str]:
    return (folder / f"data/sets/laptop-math/rows/{split}.jsonl").open().readlines()


def fails(folder: Path, stage: str) -> str:
    """What the stage prints as it fails: no traceback, and no output left behind."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", *f"stages.{stage}".split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_broken_line_missing_column_and_duplicate_id_are_all_named_at_once(folder: Path) -> None:
    first, second, third = lines(folder, "train")
    no_answer = {name: value for name, value in json.loads(third).items() if name != "answer"}
    write(folder, "train", [first, '{"id": \n', first, json.dumps(no_answer) + "\n", second])
    error = fails(folder, "prompts").splitlines()
    path = "data/sets/laptop-math/rows/train.jsonl"
    assert error[0] == (
        "prompts: data set laptop-math has 3 bad rows; nothing was written (bad_rows: skip in "
        "data/sets/laptop-math/dataset.yaml leaves such rows out):"
    )
    assert error[1].startswith(f"{path} line 2: broken JSON")
    assert error[2] == f"{path} line 3: duplicate id: got 'train-0000' again, first at {path} line 1"
    assert error[3].startswith(f"{path} line 4: missing column: answer is column 'answer'; the row has [")
    assert not (folder / "data/prompts").exists()


def test_the_list_of_bad_rows_has_a_limit(folder: Path) -> None:
    write(folder, "train", ["x\n"] * 30)
    error = fails(folder, "prompts").splitlines()
    assert len(error) == 1 + 20 + 1
    assert error[-1] == "and 10 more (prompts.max_problems_shown in params.yaml)"


def test_an_empty_data_set(folder: Path) -> None:
    write(folder, "train", [])
    assert (
        "data set laptop-math: got no rows for train, wanted at least one; see files and hub in "
        "data/sets/laptop-math/dataset.yaml" in fails(folder, "prompts")
    )


def test_a_test_problem_inside_train_is_reported(folder: Path) -> None:
    row = json.loads(lines(folder, "train")[0]) | {"id": "test-9"}
    write(folder, "test", [json.dumps(row) + "\n"])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "stages.prompts"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 test questions stand in train word for word: test-9" in done.stderr
    assert json.loads((folder / "metrics/prompts.json").read_text())["prompts"]["test_in_train"] == 1


def test_an_unknown_task(folder: Path) -> None:
    set_dataset(folder, "laptop-math", "task=poetry")
    assert fails(folder, "prompts") == (
        "data/sets/laptop-math/dataset.yaml: task: got 'poetry', wanted one of ['conversation', 'math', 'nli', "
        "'qa', 'summarization']\n"
    )


@pytest.mark.parametrize(
    ("override", "error"),
    [
        ("+generate.temprature=1", "params.yaml: generate.temprature: Extra inputs are not permitted, got 1\n"),
        (
            "generate.seed=one",
            "params.yaml: generate.seed: Input should be a valid integer, unable to parse string as an integer, got "
            "'one'\n",
        ),
        (
            "profiles.laptop.teacher.model=models/no/such",
            "model models/no/such: got no such folder, wanted one, or a hub id",
        ),
    ],
)
def test_a_bad_param_of_generate(folder: Path, override: str, error: str) -> None:
    prompts: dict[str, Any] = {
        "id": "p",
        "task": "math",
        "reference": "1",
        "solution": "",
        "choices": [],
        "schemas": {},
        "messages": {style: [{"role": "user", "content": "x"}] for style in ("plain", "cot")},
    }
    (folder / "data/prompts").mkdir(parents=True)
    (folder / "data/prompts/train.jsonl").write_text(json.dumps(prompts) + "\n")
    apply_overrides(str(folder / "params.yaml"), [override])
    assert fails(folder, "generate").startswith(error)


def test_a_model_folder_without_tokenizer(folder: Path) -> None:
    model = folder / "data/laptop/models/teacher"
    shutil.copytree(ROOT / "data/laptop/models/teacher", model)
    (model / "tokenizer.json").unlink()
    (folder / "data/prompts").mkdir(parents=True)
    (folder / "data/prompts/train.jsonl").write_text("")
    assert fails(folder, "generate").startswith(
        "model data/laptop/models/teacher: got a folder without tokenizer.json, wanted model and tokenizer side by side"
    )


@pytest.mark.parametrize(
    ("stage", "overrides", "error"),
    [
        (
            "prompts",
            ["dataset=gsm8k"],
            "prompts: hub data set openai/gsm8k at e53f048856ff4f594e959d75785d2c2d37b678ee, split main/train: ",
        ),
        (
            "generate",
            ["profile=llama", "profiles.llama.teacher.engine=transformers"],
            "model meta-llama/Llama-3.1-405B-Instruct at be673f326cab4cd22ccfef76109faf68e41aa5f1: ",
        ),
    ],
)
def test_a_hub_that_cannot_be_reached_is_said_without_a_traceback(
    folder: Path, stage: str, overrides: list[str], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))  # nothing is cached there
    prompt = {
        "id": "p",
        "task": "math",
        "reference": "1",
        "solution": "",
        "choices": [],
        "schemas": {},
        "messages": {style: [{"role": "user", "content": "x"}] for style in ("plain", "cot")},
    }
    (folder / "data/prompts").mkdir(parents=True)
    (folder / "data/prompts/train.jsonl").write_text(json.dumps(prompt) + "\n")
    apply_overrides(str(folder / "params.yaml"), overrides)
    assert error in fails(folder, stage)


def test_bad_rows_may_be_skipped_and_are_counted(folder: Path) -> None:
    first, *others = lines(folder, "train")
    write(folder, "train", [first, "broken\n", first, *others])
    set_dataset(folder, "laptop-math", "bad_rows=skip")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "stages.prompts"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        "data set laptop-math has 2 bad rows; skipped by bad_rows of data/sets/laptop-math/dataset.yaml:" in done.stderr
    )
    counts = json.loads((folder / "metrics/prompts.json").read_text())["prompts"]
    assert (counts["train"], counts["skipped"]) == (3, 2)


def test_a_column_that_the_task_does_not_know(folder: Path) -> None:
    set_dataset(folder, "laptop-math", "task=nli")
    error = (
        "data/sets/laptop-math/dataset.yaml: columns: got columns for answer, id, question, solution; task nli "
        "needs hypothesis, premise and knows"
    )
    assert fails(folder, "prompts").startswith(error)


def test_a_retention_set_that_is_not_there(folder: Path) -> None:
    apply_overrides(str(folder / "params.yaml"), ["profiles.laptop.prompts.retention=mine.jsonl"])
    assert fails(folder, "prompts").startswith(
        "prompts: data/retention/mine.jsonl: got no such file, wanted the questions"
    )


def recorded(folder: Path, rows: list[dict[str, str]]) -> None:
    """The data set with recorded completions, joined by the question's text."""
    settings = (
        "{file: mine.jsonl, hub: null, columns: {id: null, question: asked, completion: said}, answer_format: '####'}"
    )
    set_dataset(folder, "laptop-math", f"recorded={settings}")
    write(folder, "mine", [json.dumps(row) + "\n" for row in rows])


def runs(folder: Path, stage: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_recorded_completions_of_other_questions_are_said_at_once_with_a_key_of_each_side(folder: Path) -> None:
    recorded(folder, [{"asked": "Why?", "said": "Because. #### 1"}] * 2)
    question = json.loads(lines(folder, "train")[0])["question"]
    error = fails(folder, "prompts")
    assert error.startswith("prompts: 0 of 2 recorded completions have their question in train, joined by question; ")
    assert f"got for example the question 'why?', wanted such as {' '.join(question.casefold().split())!r}: " in error
    assert (
        "a question's text as the prompt has it, with its choices; see recorded.columns in "
        "data/sets/laptop-math/dataset.yaml" in error
    )


def test_recorded_completions_are_filtered_without_a_test_split_and_those_beyond_are_counted(folder: Path) -> None:
    rows = [json.loads(line) for line in lines(folder, "train")]
    said = [{"asked": row["question"], "said": f"{row['solution']} #### {row['answer']}"} for row in rows]
    recorded(folder, [*said, said[0], {"asked": "Why?", "said": "Because."}])
    write(folder, "test", [])
    apply_overrides(str(folder / "params.yaml"), ["filter.validation_share=0.0"])
    assert (
        "prompts: 4 of 5 recorded completions have their question in train, joined by question; got for example"
        in runs(folder, "prompts")
    )
    runs(folder, "generate")
    counts = json.loads((folder / "metrics/generate.json").read_text())["generate"]
    assert (counts["stop"], counts["recorded_unused"]) == (3, 1)
    for stage in ("filter", "score.columns.judge", "select"):
        runs(folder, stage)
    assert json.loads((folder / "metrics/select.json").read_text())["select"]["train"] == 3
    assert fails(folder, "predict teacher").startswith("predict: data/prompts/test.jsonl: got no questions")


def test_too_few_recorded_completions_say_what_helps(folder: Path) -> None:
    row = json.loads(lines(folder, "train")[0])
    recorded(folder, [{"asked": row["question"], "said": "#### 1"}])
    runs(folder, "prompts")
    error = fails(folder, "generate")
    assert "Add the missing completions to the recorded ones of laptop-math, or lower min_success_ratio" in error
    assert "run the same command again" not in error
