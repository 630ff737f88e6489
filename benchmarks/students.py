"""Students of the laptop's 8b for benchmarks that compare ways to make them: trained and asked by the stages themselves,
in a folder, with the replies of the checkout's ledger.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from msgspec.structs import asdict
from ruamel.yaml import YAML

from stages.evaluate.grade import grade, read_predictions
from stages.rows.prompt import Prompt, read_prompts
from stages.train.objectives.first import calibration_error
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

STUDENT = "profiles.laptop.student-8b"
MARK = "####"
BATCH = 16  # rows of a step
NUM_RESAMPLES = 10_000
WORK = "work"  # the working folder in the one of `Runs`
LOG = Path(WORK, "log")


STAGES = ("prompts", "generate", "filter", "merge", "select", "logits")


def run(stage: str, folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / LOG.name).open("a") as file:
        command = [sys.executable, "-m", *f"stages.{stage}".split()]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=file, stderr=file)


def prepare(folder: Path, overrides: list[str]) -> None:
    """The graph up to the rows that are learnt."""
    in_folder(folder, overrides)
    for stage in STAGES:
        run(stage, folder)


def in_folder(folder: Path, overrides: list[str]) -> None:
    """An empty working folder, with its settings and what the stages read."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy_settings(folder, *overrides)
    for shared in ("data/laptop", "data/retention", "data/sets/laptop-math/rows"):
        (folder / shared).parent.mkdir(parents=True, exist_ok=True)
        source = "data/laptop/problems" if shared.endswith("rows") else shared
        (folder / shared).symlink_to(ROOT / source)


def train(folder: Path, overrides: list[str], seed: int, steps: int | None) -> float:
    """Train, in so many steps or the epochs of params.yaml. Seconds of a step, by the clock."""
    of_steps = []
    if steps is not None:
        of_steps = [f"{STUDENT}.train.num_epochs={steps / -(-num_learnt(folder) // BATCH):.6f}"]
    copy_settings(folder, *overrides, f"train.seed={seed}", *of_steps)
    run("train 8b", folder)
    report = json.loads((folder / "metrics/train-8b.json").read_text())["train-8b"]
    said = [line for line in (folder / LOG.name).read_text().splitlines() if "tokens in" in line][-1]
    return float(said.split(" tokens in ")[1].split(" s of steps")[0]) / report["steps"]


def measure(folder: Path, overrides: list[str], seed: int, steps: int | None, split: str) -> dict[str, Any]:
    """Train, and ask the student."""
    train(folder, overrides, seed, steps)
    run("predict 8b", folder)
    predictions = read_predictions(folder / "data/predictions/8b.parquet")
    asked = read_prompts(folder / f"data/prompts/{split}.jsonl")
    retained = [p for p in read_prompts(folder / "data/prompts/retention.jsonl") if p.task != "conversation"]
    right = rights([p for p in predictions if p.split == split], asked)
    texts = {p.id: p.text for p in predictions if p.split == split}
    return {
        "right": right,
        "retained": fmean(rights([p for p in predictions if p.split == "retention"], retained)),
        "ece": calibration_error(np.array(confidences(folder / "models/8b", asked, texts)), np.array(right)),
        "rows": num_learnt(folder),
    }


def num_learnt(folder: Path) -> int:
    """Rows of an epoch."""
    train, negatives = (
        len((folder / f"data/selected/{n}.jsonl").read_text().splitlines()) for n in ("train", "negatives")
    )
    objective = YAML(typ="safe").load(folder / "params.yaml")["train"]["objective"]
    return {"redi": train + negatives, "dpo": negatives}.get(objective, train)


def rights(predictions: list[Any], prompts: list[Prompt]) -> list[float]:
    return [float(outcome == "right") for outcome in grade(predictions, prompts, "plain", MARK, False).outcomes]


def confidences(model: Path, prompts: list[Prompt], texts: dict[str, str]) -> list[float]:
    """The probability that the student gives to each of its replies as a whole."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    student: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    found: list[float] = []
    for prompt in prompts:
        messages = [asdict(message) for message in prompt.messages["plain"]]
        served = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        start = len(tokenizer(served, add_special_tokens=False)["input_ids"])
        ids = tokenizer(served + texts[prompt.id] + "<|eot_id|>", add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logprobs_TV = torch.log_softmax(student(input_ids=torch.tensor([ids])).logits[0], -1)
        replied = torch.tensor(ids[start:])
        found.append(logprobs_TV[start - 1 : -1].gather(-1, replied[:, None]).sum().exp().item())
    return found


class Runs:
    """The runs of a folder, by name, overrides, seed and steps; what is in its file is not run again."""

    def __init__(self, folder: Path, split: str, prepare: Callable[[Path, list[str]], None] = prepare) -> None:
        """`prepare` makes the rows that are learnt in a folder, by the overrides of params.yaml."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._split, self._prepare = folder, split, prepare
        self._file, self._prepared = folder / f"{split}.jsonl", list[str]()
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        self._found: dict[str, dict[str, Any]] = {line["run"]: line for line in map(json.loads, lines)}

    def get(self, name: str, overrides: list[str], seed: int, steps: int | None) -> dict[str, Any]:
        """Of a student that was trained and asked; it is kept under its name and seed."""

        def found(work: Path, settings: list[str]) -> dict[str, Any]:
            result = measure(work, settings, seed, steps, self._split)
            kept = self._folder / "students" / f"{name}-{seed}"
            if not kept.exists():
                shutil.copytree(work / "models/8b", kept)
            return result

        return self._kept([name, overrides, seed, steps], overrides, found)

    def seconds(self, name: str, overrides: list[str], steps: int) -> float:
        """Of a step, by the clock."""
        key = ["seconds", name, overrides, steps]
        return self._kept(key, overrides, lambda work, settings: {"seconds": train(work, settings, 1, steps)})[
            "seconds"
        ]

    def _kept(
        self, parts: list[Any], overrides: list[str], found: Callable[[Path, list[str]], dict[str, Any]]
    ) -> dict[str, Any]:
        key = json.dumps(parts)
        if key not in self._found:
            work, settings = self._folder / WORK, [*overrides, f"predict.split={self._split}"]
            if self._prepared != settings:
                self._prepare(work, settings)
                self._prepared = settings
            self._found[key] = {"run": key, **found(work, settings)}
            with self._file.open("a") as file:
                file.write(json.dumps(self._found[key]) + "\n")
        return self._found[key]


def difference(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Of the accuracies, with a 95 % interval of a bootstrap that draws seeds and, the same for all of them,
    questions."""
    differences_SQ = np.array([run["right"] for run in mine]) - np.array([run["right"] for run in theirs])
    rng, (num_seeds, num_questions) = np.random.default_rng(0), differences_SQ.shape
    drawn_RS = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), NUM_RESAMPLES) / num_seeds
    drawn_RQ = rng.multinomial(num_questions, np.full(num_questions, 1 / num_questions), NUM_RESAMPLES) / num_questions
    means_R = ((drawn_RS @ differences_SQ) * drawn_RQ).sum(-1)
    low, high = np.quantile(means_R, [0.025, 0.975])
    return float(differences_SQ.mean()), float(low), float(high)


def in_points(found: tuple[float, float, float]) -> str:
    value, low, high = (share * 100 for share in found)
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"
