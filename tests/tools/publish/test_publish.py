"""The command without a network: what lies in the folder, and what the cards say."""

import json
import shutil
import subprocess
from argparse import Namespace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from huggingface_hub import DatasetCard, ModelCard

from stages.settings import params_yaml
from tests.architecture.closure import ROOT
from tests.settings import copy_settings
from tools.publish.__main__ import main, prepare_examples, prepare_student
from tools.publish.made import Made

ROW = {
    "prompt": [{"role": "user", "content": "1 + 1?"}],
    "completion": [{"role": "assistant", "content": "#### 2"}],
}


MADE = Made("0" * 40, "1" * 64, {"models/8b": "2.dir"}, [])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The metrics of this repository, and the laptop's base for a student."""
    monkeypatch.chdir(tmp_path)
    copy_settings(tmp_path)
    for name in ("dvc.lock", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "metrics", "metrics")
    shutil.copytree(ROOT / "data/laptop/models/base-8b", "models/8b")
    Path("data/selected").mkdir(parents=True)
    Path("data/selected/train.jsonl").write_text(json.dumps(ROW) + "\n")
    Path("data/selected/README.md").write_text("---\nlicense: mit\n---\n\n# Examples\n")
    return tmp_path


def student(repo: str, licence: Path | None = None) -> tuple[Any, list[str]]:
    """The card of 8b, and what is missing."""
    out, missing = prepare_student(Namespace(what="8b", to=repo, licence=licence), params_yaml.read(), MADE)
    return ModelCard.load(out / "README.md"), missing


def test_a_laptop_students_card_holds_its_scores_and_how_it_was_made(folder: Path) -> None:
    told, missing = student("org/math")
    evaluate = json.loads(Path("metrics/evaluate.json").read_text())
    assert missing == []
    assert told.data.license == "apache-2.0"
    assert told.data.base_model is None, "a folder is no model of the Hub"
    assert [result.metric_value for result in told.data.eval_results] == list(evaluate["8b"].values())
    arm = next(arm for arm in evaluate["arms"] if (arm["model"], arm["style"]) == ("8b", "plain"))
    low, high = (f"{100 * bound:.1f}" for bound in arm["interval"])
    assert f"| 8b | plain | {100 * arm['value']:.1f} | {low} to {high} | " in told.text
    assert "70b" not in told.text
    assert f"the base answers {100 * evaluate['retention'][0]['base-8b']:.1f} % right" in told.text
    assert f"at commit `{MADE.commit}`" in told.text
    assert "| models/8b | `2.dir` |" in told.text
    assert '"content": "1 + 1?"' in told.text
    assert "Not fit" not in told.text


def test_a_student_of_llama_carries_its_terms(folder: Path) -> None:
    copy_settings(folder, "profile=llama", "dataset=gsm8k")
    with pytest.raises(SystemExit, match="wanted one that begins with Llama"):
        student("org/math-8b")
    assert student("org/Llama-math")[1] == [
        "got no copy of the Llama 3.1 Community License, which must go with it: --licence FILE; the base's repository "
        "has it"
    ]
    Path("agreement").write_text("the agreement\n")
    told, missing = student("org/Llama-math", Path("agreement"))
    out = folder / ".potstill/publish/org/Llama-math"
    assert missing == []
    assert "\n**Built with Llama**\n" in told.text
    assert told.data.license == "llama3.1"
    assert told.data.base_model == "meta-llama/Llama-3.1-8B-Instruct"
    assert told.data.datasets == ["openai/gsm8k"]
    assert told.data.library_name == "peft"
    assert (out / "LICENSE").read_text() == "the agreement\n"
    assert (out / "NOTICE").read_text().startswith("Llama 3.1 is licensed under the Llama 3.1 Community License, ")


def test_the_examples_card_tells_the_cost_of_asking(folder: Path) -> None:
    judged = {"rows": 3, "prompt_tokens": 120, "completion_tokens": 30, "cost": None}
    Path("metrics/score/judge.json").write_text(json.dumps({"score-judge": judged}))
    out, _ = prepare_examples(Namespace(to="org/math-rows"), params_yaml.read(), MADE)
    told: Any = DatasetCard.load(out / "README.md")
    generated = json.loads(Path("metrics/generate.json").read_text())["generate"]
    assert told.data.license == "mit"
    assert f"| generate: teacher | {generated['completions']:,} | {generated['prompt_tokens']:,} | " in told.text
    assert "| score-judge | 3 | 120 | 30 | unknown |" in told.text
    assert "score-cycle" not in told.text, "it asked nobody"


@pytest.mark.slow
def test_what_is_not_as_dvc_lock_says_is_told_and_not_uploaded(folder: Path, capsys) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["git", "add", "."], [*git, "commit", "-qm", "1"]):
        subprocess.run(command, check=True)
    Path("LICENSE").write_text("changed")
    with (
        patch("sys.argv", ["publish", "8b", "--to", "org/math", "--upload"]),
        pytest.raises(SystemExit, match="publish: got the doubts above, wanted none before an upload"),
    ):
        main()
    told = ModelCard.load(Path(".potstill/publish/org/math/README.md")).text
    assert "> Not fit to be handed on yet: not committed: LICENSE; not as dvc.lock says: evaluate, " in told
    assert "model.safetensors" in capsys.readouterr().out


def test_another_name_is_one_clear_error(folder: Path) -> None:
    with (
        patch("sys.argv", ["publish", "9b", "--to", "org/math"]),
        pytest.raises(SystemExit, match="publish: got 9b, wanted one of 8b, 70b, examples"),
    ):
        main()
