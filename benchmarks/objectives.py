"""Every recipe against plain fine-tuning: `python -m benchmarks.objectives [--arms NAME ...] [--folder FOLDER]`.

The laptop's 8b learns from 2,000 examples of a teacher that is asked four times at a high temperature and is sometimes
wrong (its wrong replies are filtered out; REDI and DPO get them as negatives). Each recipe trains twice for each seed:
in as many steps of 16 rows as plain, so that all see as many tokens, and in as many as take plain's time. Accuracy on
500 questions asked plainly with a paired bootstrap over seeds and questions, steps a second relative to plain, the
calibration error of the student's answers (15 bins, confidence is the reply's probability), and the accuracy that the
base had on the retention set and the student has not. The setting was chosen once for all recipes, by plain's accuracy
on the validation questions (`--split validation --arms plain`). Results and students are kept in the folder as they
come, and what is there is not measured again: remove it after a change of code.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch
from ruamel.yaml import YAML

from stages.evaluate.grade import grade, read_predictions
from stages.models.local import digest
from stages.rows.prompt import Prompt, read_prompts
from stages.train.objectives.first import calibration_error
from tests.architecture.closure import ROOT
from tests.settings import copy_settings
from tools.recipe import settings

STUDENT = "profiles.laptop.student-8b"
BASE = "data/laptop/models/base-8b"
COMMON = ["generate.temperature=1.2", "generate.num_samples=4", "train.keep=last", "predict.styles=plain"]
MARK = "####"
BATCH = 16  # rows of a step
NUM_RESAMPLES = 10_000
ALIKE = 0.03  # speeds that differ by less are the same


class Arm(NamedTuple):
    overrides: list[str]
    baseline: str = "plain"  # the arm that it is compared to


def recipe_arms(params: dict[str, Any]) -> dict[str, Arm]:
    """Plain, LoRA, and every recipe that names no models which somebody else has tuned."""
    paths = [path for path in sorted((ROOT / "recipes").glob("*.yaml")) if path.stem not in ("dare", "transfer")]
    recipes = {path.stem: Arm(settings(path, params)[1::2]) for path in paths}
    lora = Arm([f"{STUDENT}.train.method=lora"])
    return {
        "plain": Arm([]),
        "lora": lora,
        **{name: arm._replace(baseline="lora") if "corda" in name else arm for name, arm in recipes.items()},
        "answers": Arm(["filter.target=answer"]),  # the newer base of `transfer`
    }


def start_arms(students: Path) -> dict[str, Arm]:
    """Arms that start from students of the arms above, each beside the same without its merge."""
    one, other, newer = (students / name for name in ("plain-1", "plain-2", "answers-1"))
    merged = [f"{STUDENT}.base.model=models/merged", f"{STUDENT}.base.revision=merged", f"merge.base={at(ROOT / BASE)}"]
    dare = ["merge.method=dare", f"merge.models='{at(one)} {at(other)}'", "merge.weights='0.5 0.5'", "merge.drop=0.9"]
    transfer = ["merge.method=transfer", f"merge.models={at(one)}", f"merge.onto={at(newer)}"]
    return {
        "from plain": Arm(starting(one)),
        "dare": Arm([*merged, *dare], "from plain"),
        "from answers": Arm(starting(newer)),
        "transfer": Arm([*merged, *transfer], "from answers"),
    }


def at(model: Path) -> str:
    return f"{model}@{digest(model)}"


def starting(model: Path) -> list[str]:
    return [f"{STUDENT}.base.model={model}", f"{STUDENT}.base.revision='{digest(model)}'"]


def run(stage: str, folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("a") as file:
        command = [sys.executable, "-m", *f"stages.{stage}".split()]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=file, stderr=file)


def prepare(folder: Path, overrides: list[str]) -> None:
    """The graph up to the rows that are learnt; the replies are kept in the ledger."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy_settings(folder, *overrides)
    for shared in ("data/laptop", "data/retention", "data/sets/laptop-math/rows"):
        (folder / shared).parent.mkdir(parents=True, exist_ok=True)
        source = "data/laptop/problems" if shared.endswith("rows") else shared
        (folder / shared).symlink_to(ROOT / source)
    for stage in ("prompts", "generate", "filter", "merge", "select", "logits"):
        run(stage, folder)


def measure(folder: Path, overrides: list[str], seed: int, steps: int, split: str) -> dict[str, Any]:
    """Train and ask the student."""
    epochs = steps / -(-num_learnt(folder) // BATCH)
    copy_settings(folder, *overrides, f"train.seed={seed}", f"{STUDENT}.train.num_epochs={epochs:.6f}")
    for stage in ("train 8b", "predict 8b"):
        run(stage, folder)
    report = json.loads((folder / "metrics/train-8b.json").read_text())["train-8b"]
    said = [line for line in (folder / "log").read_text().splitlines() if "tokens in" in line][-1]
    seconds = float(said.split(" tokens in ")[1].split(" s of steps")[0])
    predictions = read_predictions(folder / "data/predictions/8b.parquet")
    asked = read_prompts(folder / f"data/prompts/{split}.jsonl")
    retained = [p for p in read_prompts(folder / "data/prompts/retention.jsonl") if p.task != "conversation"]
    right = rights([p for p in predictions if p.split == split], asked)
    texts = {p.id: p.text for p in predictions if p.split == split}
    return {
        "right": right,
        "retained": fmean(rights([p for p in predictions if p.split == "retention"], retained)),
        "ece": calibration_error(np.array(confidences(folder / "models/8b", asked, texts)), np.array(right)),
        "steps": report["steps"],
        "speed": report["steps"] / seconds,
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
    """The runs of a folder, by arm, seed and steps."""

    def __init__(self, folder: Path, common: list[str], split: str) -> None:
        self._folder, self._common, self._split = folder, common, split
        self._file, self._prepared = folder / f"{split}.jsonl", ""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        self._found: dict[str, dict[str, Any]] = {}
        for line in map(json.loads, lines):
            self._found[line["run"]] = line

    def get(self, name: str, arm: Arm, seed: int, steps: int) -> dict[str, Any]:
        key = json.dumps([name, arm.overrides, self._common, seed, steps])
        if key not in self._found:
            overrides = [*self._common, *arm.overrides, f"predict.split={self._split}"]
            work = self._folder / "work"
            if self._prepared != name:
                prepare(work, overrides)
                self._prepared = name
            self._found[key] = {"run": key, **measure(work, overrides, seed, steps, self._split)}
            with self._file.open("a") as file:
                file.write(json.dumps(self._found[key]) + "\n")
            kept = self._folder / "students" / f"{name}-{seed}"
            if not kept.exists():
                shutil.copytree(work / "models/8b", kept)
        return self._found[key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--split", default="test")
    parser.add_argument("--folder", type=Path, default=ROOT / ".potstill/benchmark-objectives")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.folder.mkdir(parents=True, exist_ok=True)
    runs = Runs(asked.folder, [*COMMON, f"select.budget.rows={asked.rows}"], asked.split)
    known = recipe_arms(YAML(typ="safe").load(ROOT / "params.yaml"))
    names = asked.arms or [*known, "from plain", "dare", "from answers", "transfer"]
    for name in names:
        if name not in known:
            known |= start_arms(asked.folder / "students")
        for seed in asked.seeds:
            runs.get(known[name].baseline, known[known[name].baseline], seed, asked.steps)
            runs.get(name, known[name], seed, asked.steps)
    for name in names:
        arm = known[name]
        theirs = [runs.get(arm.baseline, known[arm.baseline], seed, asked.steps) for seed in asked.seeds]
        mine = [runs.get(name, arm, seed, asked.steps) for seed in asked.seeds]
        speed = fmean(run["speed"] for run in mine) / fmean(run["speed"] for run in theirs)
        steps = asked.steps if abs(speed - 1) < ALIKE else round(asked.steps * speed)
        in_its_time = [runs.get(name, arm, seed, steps) for seed in asked.seeds]
        print(told(name, arm.baseline, mine, in_its_time, theirs, speed), flush=True)


def told(
    name: str,
    baseline: str,
    mine: list[dict[str, Any]],
    in_its_time: list[dict[str, Any]],
    theirs: list[dict[str, Any]],
    speed: float,
) -> str:
    """A row of the table: accuracy by seed, difference to its baseline at equal tokens and at equal time, speed,
    calibration error, retention."""
    seeds = " ".join(f"{fmean(run['right']) * 100:.1f}" for run in mine)
    ece, retained = fmean(run["ece"] for run in mine), fmean(run["retained"] for run in mine)
    return (
        f"| {name} | {baseline} | {fmean(fmean(run['right']) for run in mine) * 100:.1f} | {seeds} | {difference(mine, theirs)} | {speed:.2f} | "
        f"{difference(in_its_time, theirs)} | {ece:.3f} | {retained * 100:.1f} |"
    )


def difference(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> str:
    """In points, with a 95 % interval of a bootstrap that draws seeds and, the same for all of them, questions."""
    differences_SQ = np.array([run["right"] for run in mine]) - np.array([run["right"] for run in theirs])
    rng, (num_seeds, num_questions) = np.random.default_rng(0), differences_SQ.shape
    drawn_RS = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), NUM_RESAMPLES) / num_seeds
    drawn_RQ = rng.multinomial(num_questions, np.full(num_questions, 1 / num_questions), NUM_RESAMPLES) / num_questions
    means_R = ((drawn_RS @ differences_SQ) * drawn_RQ).sum(-1)
    low, high = np.quantile(means_R, [0.025, 0.975])
    return f"{differences_SQ.mean() * 100:+.1f} ({low * 100:+.1f} to {high * 100:+.1f})"


if __name__ == "__main__":
    main()
