"""The loss falls on the completion alone, and both methods train what they say."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.sampling.request import Model, Request
from stages.sampling.transformers import TransformersEngine
from stages.train.__main__ import loss_curve, to_lora_config, to_sft_config
from stages.train.params import load
from tests.architecture.closure import ROOT

BASE = ROOT / "data/laptop/models/base-8b"
ROW = {
    "prompt": [{"role": "system", "content": "Give the answer after ####."}, {"role": "user", "content": "12 + 7 = ?"}],
    "completion": [{"role": "assistant", "content": "12 + 7 = 19. #### 19"}],
}


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(ROOT)
    return load("8b")


def trainer(params: Any, output: Path, method: str) -> Any:
    import datasets
    from trl.trainer.sft_trainer import SFTTrainer

    return SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(BASE),  # type: ignore[arg-type]
        args=to_sft_config(params, output, use_cpu=True),
        train_dataset=datasets.Dataset.from_list([ROW]),
        processing_class=AutoTokenizer.from_pretrained(BASE),
        peft_config=to_lora_config(params) if method == "lora" else None,
    )


def test_the_labels_are_the_completion_and_its_end(params: Any, tmp_path: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(BASE)
    made = trainer(params, tmp_path, "full")
    (row,) = made.train_dataset
    prompt = tokenizer.apply_chat_template(ROW["prompt"], add_generation_prompt=True, return_dict=False)
    completion = tokenizer("12 + 7 = 19. #### 19<|eot_id|>", add_special_tokens=False)["input_ids"]
    assert row["input_ids"] == prompt + completion
    assert made.data_collator([row])["labels"].tolist() == [[-100] * len(prompt) + completion]


def test_lora_trains_rank_8_on_q_and_v_alone(params: Any, tmp_path: Path) -> None:
    made = trainer(params, tmp_path, "lora")
    trained = {name: p.numel() for name, p in made.model.named_parameters() if p.requires_grad}
    # 3 layers, hidden 64; q_proj and v_proj are 64 to 2 heads of 32, so A and B have 8 * 64 each
    assert all("q_proj.lora" in name or "v_proj.lora" in name for name in trained)
    assert sum(trained.values()) == 3 * 2 * (8 * 64 + 8 * 64)


def run(tmp_path: Path, rows: list[dict[str, Any]], *overrides: str) -> subprocess.CompletedProcess[str]:
    shutil.copytree(BASE, tmp_path / "data/laptop/models/base-8b", dirs_exist_ok=True)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    apply_overrides(str(tmp_path / "params.yaml"), list(overrides))
    (tmp_path / "data/filtered").mkdir(exist_ok=True)
    (tmp_path / "data/filtered/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "data/filtered/validation.jsonl").write_text("")
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DVC_ROOT": str(tmp_path)}
    return subprocess.run([sys.executable, "-m", "stages.train", "8b"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def test_a_row_over_the_context_stops_the_run_in_one_sentence(tmp_path: Path) -> None:
    long = {**ROW, "completion": [{"role": "assistant", "content": "12 + 7 = 19. " * 60}]}
    done = run(tmp_path, [ROW, long])
    assert done.returncode == 1
    assert "train-8b: 1 of 2 examples have more than 256 tokens" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lora_student_is_saved_as_an_adapter_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(tmp_path, [ROW] * 8, "train.method=lora", "train-8b.num_epochs=1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/8b/adapter_model.safetensors").exists()
    report = json.loads((tmp_path / "metrics/train-8b.json").read_text())["train-8b"]
    assert (report["examples"], report["truncated"], report["steps"]) == (8, 0, 1)
    monkeypatch.chdir(tmp_path)  # the adapter names its base by the path in params.yaml
    request = Request("p", "plain", tuple((message["role"], message["content"]) for message in ROW["prompt"]), 0, 0, 16, 0.0, 1.0, 0)
    ((_, reply),) = next(TransformersEngine(Model("transformers", "models/8b", "", "float32", 0.0, 0.0)).ask([request]))
    assert reply.completion_tokens > 0


def test_the_curve_is_the_mean_of_its_steps() -> None:
    history = [{"step": 1, "loss": 4.0}, {"step": 2, "loss": 2.0}, {"step": 2, "eval_loss": 9.0}, {"step": 3, "loss": 1.0}]
    assert loss_curve(history, 2) == [(2, 3.0), (3, 1.0)]
